//go:build never

// Package main reads the generated Go code of these modules as text and never compiles it;
// the imports keep the modules in go.mod and go.sum.
package main

import (
	_ "cel.dev/expr"
	_ "github.com/cncf/xds/go/xds/core/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	_ "github.com/prometheus/client_model/go"
	_ "go.opentelemetry.io/proto/otlp/logs/v1"
	_ "google.golang.org/genproto/googleapis/rpc/status"
)
