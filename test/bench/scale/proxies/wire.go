package main

import (
	"bytes"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// Messages are read field by field: only what decides the next subscription
// is looked at, so that hundreds of proxies cost less than their server.

type kind int

const (
	clusters kind = iota
	endpoints
	listeners
	routes
	hosts
	kinds
)

const typePrefix = "type.googleapis.com/envoy.config."

var typeURLs = [kinds]string{
	typePrefix + "cluster.v3.Cluster",
	typePrefix + "endpoint.v3.ClusterLoadAssignment",
	typePrefix + "listener.v3.Listener",
	typePrefix + "route.v3.RouteConfiguration",
	typePrefix + "route.v3.VirtualHost",
}

var kindNames = [kinds]string{"clusters", "endpoints", "listeners", "routes", "hosts"}

func kindOf(typeURL []byte) (kind, bool) {
	for k, url := range typeURLs {
		if string(typeURL) == url {
			return kind(k), true
		}
	}
	return 0, false
}

// rawCodec hands the bytes of gRPC messages through.
type rawCodec struct{}

type rawMessage struct{ buffer mem.Buffer }

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	v.(*rawMessage).buffer = data.MaterializeToBuffer(mem.DefaultBufferPool())
	return nil
}

// eachField calls visit with every field of a message: its bytes, or its
// number where it is a varint (then bytes is nil).
func eachField(message []byte, visit func(field protowire.Number, bytes []byte, number uint64)) {
	for len(message) > 0 {
		field, wireType, n := protowire.ConsumeTag(message)
		if n < 0 {
			return
		}
		message = message[n:]
		switch wireType {
		case protowire.BytesType:
			value, n := protowire.ConsumeBytes(message)
			if n < 0 {
				return
			}
			visit(field, value, 0)
			message = message[n:]
		case protowire.VarintType:
			value, n := protowire.ConsumeVarint(message)
			if n < 0 {
				return
			}
			visit(field, nil, value)
			message = message[n:]
		default:
			n := protowire.ConsumeFieldValue(field, wireType, message)
			if n < 0 {
				return
			}
			message = message[n:]
		}
	}
}

// eachAt calls visit with everything found along a path of fields.
func eachAt(message []byte, visit func([]byte), path ...protowire.Number) {
	eachField(message, func(field protowire.Number, value []byte, _ uint64) {
		switch {
		case field != path[0] || value == nil:
		case len(path) == 1:
			visit(value)
		default:
			eachAt(value, visit, path[1:]...)
		}
	})
}

// firstAt is the first value along a path of fields, or nil.
func firstAt(message []byte, path ...protowire.Number) (found []byte) {
	eachAt(message, func(value []byte) {
		if found == nil {
			found = value
		}
	}, path...)
	return found
}

// assignmentOf is the name a cluster's endpoints come by, nil unless they come by EDS.
func assignmentOf(cluster []byte) (name []byte) {
	const byEDS = 3
	var service []byte
	isEDS := false
	eachField(cluster, func(field protowire.Number, value []byte, number uint64) {
		switch field {
		case 1: // name
			name = value
		case 2: // type
			isEDS = value == nil && number == byEDS
		case 3: // eds_cluster_config.service_name
			service = firstAt(value, 2)
		}
	})
	if !isEDS {
		return nil
	}
	if len(service) > 0 {
		return service
	}
	return name
}

var connectionManager = []byte("type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager")

// eachRouteName calls visit with the route configurations that a listener takes by RDS.
func eachRouteName(listener []byte, visit func([]byte)) {
	filter := func(filter []byte) {
		config := firstAt(filter, 4)
		if bytes.Equal(firstAt(config, 1), connectionManager) {
			eachAt(config, visit, 2, 3, 2) // value, rds, route_config_name
		}
	}
	eachAt(listener, filter, 3, 3)  // filter_chains, filters
	eachAt(listener, filter, 25, 3) // default_filter_chain, filters
}

// takesHosts tells whether a route configuration has its virtual hosts apart.
func takesHosts(routeConfiguration []byte) bool { return firstAt(routeConfiguration, 9) != nil }

// tableOf is the route configuration in the name of a virtual host, TABLE/HOST.
func tableOf(host []byte) []byte {
	table, _, _ := bytes.Cut(host, []byte("/"))
	return table
}

func appendText(message []byte, field protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(message, field, protowire.BytesType), text)
}

// request builds a DeltaDiscoveryRequest; the node goes into the first one of a stream.
func request(node []byte, k kind, subscribe, unsubscribe []string, nonce []byte) []byte {
	var message []byte
	if node != nil {
		message = protowire.AppendBytes(protowire.AppendTag(message, 1, protowire.BytesType), node)
	}
	message = appendText(message, 2, typeURLs[k])
	for _, name := range subscribe {
		message = appendText(message, 3, name)
	}
	for _, name := range unsubscribe {
		message = appendText(message, 4, name)
	}
	if nonce != nil {
		message = protowire.AppendBytes(protowire.AppendTag(message, 6, protowire.BytesType), nonce)
	}
	return message
}
