package main

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

const deltaMethod = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"

// Envoy's back-off between streams.
const (
	firstBackoff = 500 * time.Millisecond
	mostBackoff  = 30 * time.Second
)

// proxy is one sidecar. What the stream's goroutine changes is guarded by mu,
// for the commands that look at it.
type proxy struct {
	fleet  *fleet
	index  int
	node   []byte
	dial   func() (*grpc.ClientConn, error)
	stream grpc.ClientStream

	mu sync.Mutex
	// hash of the content by name; endpoints and routes only while wanted
	held [kinds]map[string]uint64
	// endpoints and routes that are subscribed to and have not come
	missing [kinds]map[string]struct{}
	// route configurations by listener, and by how many listeners they are used
	routesOf map[string][]string
	uses     map[string]int
	// route configurations with virtual hosts apart: whether one of them has come
	tables  map[string]bool
	waiting int // tables without any virtual host
	asked   [kinds]bool
	ready   time.Time

	arrivals trackedArrivals
}

// content hashes differ from run to run, and not within one.
var seed = maphash.MakeSeed()

func (p *proxy) run(ctx context.Context) {
	connection, err := p.dial()
	if err != nil {
		fail(err)
	}
	defer connection.Close()
	for backoff := firstBackoff; ctx.Err() == nil; backoff = min(2*backoff, mostBackoff) {
		if p.session(ctx, connection) {
			backoff = firstBackoff
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(rand.Int64N(int64(backoff)))):
		}
	}
}

// session is one stream; it tells whether any response came.
func (p *proxy) session(ctx context.Context, connection *grpc.ClientConn) (served bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	description := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	stream, err := connection.NewStream(ctx, description, deltaMethod)
	if err == nil {
		p.forget(stream)
		p.ask(clusters, p.node, nil, nil)
		for {
			var message rawMessage
			if err = stream.RecvMsg(&message); err != nil {
				break
			}
			served = true
			p.receive(message.buffer.ReadOnlyData(), time.Now())
			message.buffer.Free()
		}
	}
	if ctx.Err() == nil {
		p.fleet.broken(status.Code(err).String())
	}
	return served
}

// forget starts anew, as a proxy that has just been started.
func (p *proxy) forget(stream grpc.ClientStream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stream = stream
	for k := range kinds {
		p.held[k], p.missing[k], p.asked[k] = map[string]uint64{}, map[string]struct{}{}, false
	}
	p.routesOf, p.uses, p.tables, p.waiting = map[string][]string{}, map[string]int{}, map[string]bool{}, 0
}

func (p *proxy) ask(k kind, node []byte, subscribe, unsubscribe []string) {
	p.asked[k] = true
	p.send(request(node, k, subscribe, unsubscribe, nil))
}

// A stream that has ended says so where it is read.
func (p *proxy) send(message []byte) { _ = p.stream.SendMsg(message) }

func (p *proxy) receive(response []byte, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var url, nonce []byte
	eachField(response, func(field protowire.Number, value []byte, _ uint64) {
		switch field {
		case 4:
			url = value
		case 5:
			nonce = value
		}
	})
	k, known := kindOf(url)
	if !known {
		p.send(request(nil, clusters, nil, nil, nonce))
		return
	}
	p.fleet.count(k, len(response))
	var subscribe, unsubscribe []string
	eachField(response, func(field protowire.Number, value []byte, _ uint64) {
		switch field {
		case 2:
			name, content := resourceOf(value)
			if p.take(k, name, content, &subscribe, &unsubscribe) {
				p.fleet.notice(p, k, name, content, at)
			}
		case 6:
			p.drop(k, string(value), &unsubscribe)
		}
	})
	p.send(request(nil, k, nil, nil, nonce))
	if len(subscribe)+len(unsubscribe) > 0 {
		p.ask(k+1, nil, subscribe, unsubscribe)
	}
	p.proceed(at)
}

// resourceOf takes a Resource apart: its name and the content of its Any.
func resourceOf(resource []byte) (name, content []byte) {
	eachField(resource, func(field protowire.Number, value []byte, _ uint64) {
		switch field {
		case 2:
			content = firstAt(value, 2)
		case 3:
			name = value
		}
	})
	return name, content
}

// take keeps a resource and tells whether Envoy would; what it refers to becomes a subscription.
func (p *proxy) take(k kind, name, content []byte, subscribe, unsubscribe *[]string) bool {
	own := p.fleet.names.get(name)
	switch k {
	case clusters:
		if assignment := assignmentOf(content); assignment != nil {
			p.want(endpoints, p.fleet.names.get(assignment), subscribe)
		}
	case listeners:
		before := p.routesOf[own]
		var now []string
		eachRouteName(content, func(route []byte) { now = append(now, p.fleet.names.get(route)) })
		for _, route := range now {
			p.uses[route]++
			p.want(routes, route, subscribe)
		}
		p.release(before, unsubscribe)
		p.routesOf[own] = now
	case routes:
		if _, apart := p.tables[own]; !apart && takesHosts(content) {
			p.tables[own] = false
			p.waiting++
		}
		if len(p.tables) > 0 && !p.asked[hosts] {
			p.ask(hosts, nil, nil, nil)
		}
	case hosts:
		// Envoy throws away virtual hosts of a table that it does not hold.
		table := p.fleet.names.get(tableOf(name))
		some, apart := p.tables[table]
		if !apart {
			return false
		}
		if !some {
			p.tables[table] = true
			p.waiting--
		}
	}
	if k == endpoints || k == routes {
		if _, wanted := p.missing[k][own]; wanted {
			delete(p.missing[k], own)
		} else if _, had := p.held[k][own]; !had {
			return false
		}
	}
	p.held[k][own] = maphash.Bytes(seed, content)
	return true
}

// want subscribes to a name unless that was done before.
func (p *proxy) want(k kind, name string, subscribe *[]string) {
	if _, had := p.held[k][name]; had {
		return
	}
	if _, wanted := p.missing[k][name]; wanted {
		return
	}
	p.missing[k][name] = struct{}{}
	*subscribe = append(*subscribe, name)
}

// unwant forgets a name that nothing refers to any more.
func (p *proxy) unwant(k kind, name string, unsubscribe *[]string) {
	_, had := p.held[k][name]
	_, wanted := p.missing[k][name]
	if !had && !wanted {
		return
	}
	delete(p.held[k], name)
	delete(p.missing[k], name)
	*unsubscribe = append(*unsubscribe, name)
	if some, apart := p.tables[name]; k == routes && apart {
		if !some {
			p.waiting--
		}
		delete(p.tables, name)
		for host := range p.held[hosts] {
			if string(tableOf([]byte(host))) == name {
				delete(p.held[hosts], host)
			}
		}
	}
}

func (p *proxy) release(names []string, unsubscribe *[]string) {
	for _, route := range names {
		if p.uses[route]--; p.uses[route] == 0 {
			delete(p.uses, route)
			p.unwant(routes, route, unsubscribe)
		}
	}
}

func (p *proxy) drop(k kind, name string, unsubscribe *[]string) {
	switch k {
	case clusters:
		// Endpoints come by the name of their cluster in Istio's form.
		p.unwant(endpoints, name, unsubscribe)
	case listeners:
		p.release(p.routesOf[name], unsubscribe)
		delete(p.routesOf, name)
	case endpoints, routes:
		// What is subscribed to and does not exist is waited for again.
		if _, had := p.held[k][name]; had {
			p.missing[k][name] = struct{}{}
		}
	}
	delete(p.held[k], name)
}

// proceed asks for listeners once all clusters have their endpoints, and says when everything is there for the first time.
func (p *proxy) proceed(at time.Time) {
	if len(p.held[clusters]) == 0 || len(p.missing[endpoints]) > 0 {
		return
	}
	if !p.asked[listeners] {
		p.ask(listeners, nil, nil, nil)
	}
	if len(p.held[listeners]) > 0 && len(p.missing[routes]) == 0 && p.waiting == 0 && p.ready.IsZero() {
		p.ready = at
		p.fleet.ready <- p
	}
}
