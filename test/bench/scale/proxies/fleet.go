package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

type tlsSettings struct {
	Roots      string `json:"roots"`
	ServerName string `json:"serverName"`
	// PEM; proxies name theirs by its place
	Certificates []struct {
		Chain string `json:"chain"`
		Key   string `json:"key"`
	} `json:"certificates"`
}

type proxySettings struct {
	Node        []byte `json:"node"` // an encoded Node
	Certificate int    `json:"certificate"`
}

// fleet is all proxies of a run and what is looked for in what they receive.
type fleet struct {
	proxies  []*proxy
	names    names
	expected atomic.Pointer[expectation]
	tracking atomic.Pointer[tracking]
	messages [kinds]atomic.Int64
	bytes    [kinds]atomic.Int64
	ready    chan *proxy
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu    sync.Mutex
	broke map[string]int // streams that the server ended, by gRPC status
}

// names keeps one string for each name, as all proxies see the same.
type names struct {
	mu    sync.RWMutex
	known map[string]string
}

func (n *names) get(name []byte) string {
	n.mu.RLock()
	known, found := n.known[string(name)]
	n.mu.RUnlock()
	if found {
		return known
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if known, found = n.known[string(name)]; !found {
		known = string(name)
		n.known[known] = known
	}
	return known
}

func newFleet(c command) (*fleet, error) {
	transports, err := transportsOf(c.TLS)
	if err != nil {
		return nil, err
	}
	f := &fleet{ready: make(chan *proxy, len(c.Proxies)), broke: map[string]int{}}
	f.names.known = map[string]string{}
	for index, settings := range c.Proxies {
		if settings.Certificate >= len(transports) {
			return nil, fmt.Errorf("proxy %d has no certificate %d", index, settings.Certificate)
		}
		transport := transports[settings.Certificate]
		// A connection for each, with windows as large as Istio's agent has.
		dial := func() (*grpc.ClientConn, error) {
			return grpc.NewClient("passthrough:///"+c.Address,
				grpc.WithTransportCredentials(transport), grpc.WithDisableServiceConfig(),
				grpc.WithInitialWindowSize(1<<20), grpc.WithInitialConnWindowSize(1<<20),
				grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30), grpc.ForceCodecV2(rawCodec{})))
		}
		f.proxies = append(f.proxies, &proxy{fleet: f, index: index, node: settings.Node, dial: dial})
	}
	return f, nil
}

func transportsOf(settings *tlsSettings) ([]credentials.TransportCredentials, error) {
	if settings == nil {
		return []credentials.TransportCredentials{insecure.NewCredentials()}, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(settings.Roots)) {
		return nil, fmt.Errorf("no root certificate in PEM")
	}
	var transports []credentials.TransportCredentials
	for _, pair := range settings.Certificates {
		certificate, err := tls.X509KeyPair([]byte(pair.Chain), []byte(pair.Key))
		if err != nil {
			return nil, err
		}
		transports = append(transports, credentials.NewTLS(&tls.Config{
			RootCAs:      roots,
			ServerName:   settings.ServerName,
			Certificates: []tls.Certificate{certificate},
		}))
	}
	return transports, nil
}

type connected struct {
	// milliseconds from the start to everything held, by proxy; -1 where that did not happen
	ReadyMs []float64      `json:"readyMs"`
	Broken  map[string]int `json:"broken"`
}

// connect starts all proxies at once and waits until each has everything it asks for.
func (f *fleet) connect(limit time.Duration) connected {
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	started := time.Now()
	for _, p := range f.proxies {
		f.running.Go(func() { p.run(ctx) })
	}
	answer := connected{ReadyMs: make([]float64, len(f.proxies))}
	for index := range answer.ReadyMs {
		answer.ReadyMs[index] = -1
	}
	timeout := time.After(limit)
	for range f.proxies {
		select {
		case p := <-f.ready:
			answer.ReadyMs[p.index] = milliseconds(p.ready.Sub(started))
			continue
		case <-timeout:
		}
		break
	}
	answer.Broken = f.streamsBroken()
	return answer
}

func (f *fleet) disconnect() {
	f.cancel()
	f.running.Wait()
}

func (f *fleet) count(k kind, bytes int) {
	f.messages[k].Add(1)
	f.bytes[k].Add(int64(bytes))
}

func (f *fleet) broken(code string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broke[code]++
}

func (f *fleet) streamsBroken() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	copied := map[string]int{}
	for code, count := range f.broke {
		copied[code] = count
	}
	return copied
}

func (f *fleet) received() (messages int64) {
	for k := range kinds {
		messages += f.messages[k].Load()
	}
	return messages
}

// quiet returns once no proxy has received anything for a while.
func (f *fleet) quiet(limit time.Duration) error {
	const pause = 300 * time.Millisecond
	deadline := time.Now().Add(limit)
	last, since := f.received(), time.Now()
	for time.Since(since) < pause {
		if time.Now().After(deadline) {
			return fmt.Errorf("proxies still receive after %v", limit)
		}
		time.Sleep(10 * time.Millisecond)
		if now := f.received(); now != last {
			last, since = now, time.Now()
		}
	}
	return nil
}

type traffic struct {
	Messages map[string]int64 `json:"messages"`
	Bytes    map[string]int64 `json:"bytes"`
	Broken   map[string]int   `json:"broken"`
}

// traffic is what all proxies together have received since they were made.
func (f *fleet) traffic() traffic {
	answer := traffic{Messages: map[string]int64{}, Bytes: map[string]int64{}, Broken: f.streamsBroken()}
	for k := range kinds {
		answer.Messages[kindNames[k]] = f.messages[k].Load()
		answer.Bytes[kindNames[k]] = f.bytes[k].Load()
	}
	return answer
}

type compared struct {
	// proxies that do not hold what they held before
	Different int `json:"different"`
	// some of what differs, for people
	Examples []string `json:"examples"`
}

// compare sets what each proxy holds against what the one at its place held in a fleet before.
func (f *fleet) compare(before *fleet) compared {
	const mostExamples = 10
	answer := compared{Examples: []string{}}
	for index, p := range f.proxies {
		p.mu.Lock()
		found := differences(before.proxies[index].held, p.held)
		p.mu.Unlock()
		if len(found) > 0 {
			answer.Different++
		}
		for _, difference := range found[:min(len(found), mostExamples-len(answer.Examples))] {
			answer.Examples = append(answer.Examples, fmt.Sprintf("proxy %d: %s", index, difference))
		}
	}
	return answer
}

func differences(before, now [kinds]map[string]uint64) (found []string) {
	for k := range kinds {
		for name, content := range now[k] {
			if old, had := before[k][name]; !had {
				found = append(found, fmt.Sprintf("%s %s was missing", kindNames[k], name))
			} else if old != content {
				found = append(found, fmt.Sprintf("%s %s was another", kindNames[k], name))
			}
		}
		for name := range before[k] {
			if _, has := now[k][name]; !has {
				found = append(found, fmt.Sprintf("%s %s was left over", kindNames[k], name))
			}
		}
	}
	return found
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
