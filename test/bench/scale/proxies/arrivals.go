package main

import (
	"bytes"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// expectedPart is a resource to look for: of a kind, of a name unless that is
// empty, and holding these bytes. A virtual host is part of its routes.
type expectedPart struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Contains []byte `json:"contains"`
	kind     kind
}

// expectation is a change that every proxy is to receive, in parts.
type expectation struct {
	parts []expectedPart
	at    [][]atomic.Int64 // part, proxy: nanoseconds of the Unix clock, 0 until then
	left  atomic.Int64
	done  chan struct{}
}

func (f *fleet) expect(parts []expectedPart) {
	e := &expectation{parts: parts, done: make(chan struct{})}
	for index := range parts {
		e.parts[index].kind = kind(slices.Index(kindNames[:], parts[index].Kind))
		e.at = append(e.at, make([]atomic.Int64, len(f.proxies)))
	}
	e.left.Store(int64(len(parts) * len(f.proxies)))
	f.expected.Store(e)
}

type arrived struct {
	// milliseconds of the Unix clock at which a proxy had the last part, by proxy; -1 where that did not happen
	AtMs []float64 `json:"atMs"`
}

// arrivals waits until every proxy has what is expected.
func (f *fleet) arrivals(limit time.Duration) arrived {
	e := f.expected.Load()
	select {
	case <-e.done:
	case <-time.After(limit):
	}
	f.expected.Store(nil)
	answer := arrived{AtMs: make([]float64, len(f.proxies))}
	for proxy := range f.proxies {
		var last int64
		for part := range e.parts {
			at := e.at[part][proxy].Load()
			if at == 0 {
				last = -1
				break
			}
			last = max(last, at)
		}
		answer.AtMs[proxy] = float64(last) / 1e6
		if last < 0 {
			answer.AtMs[proxy] = -1
		}
	}
	return answer
}

// notice is told of everything that a proxy takes.
func (f *fleet) notice(p *proxy, k kind, name, content []byte, at time.Time) {
	if e := f.expected.Load(); e != nil {
		e.notice(p, k, name, content, at)
	}
	if t := f.tracking.Load(); t != nil && k == endpoints {
		if service, tracked := t.services[string(name)]; tracked {
			p.arrivals.add(t, service, markerOf(content), at)
		}
	}
}

func (e *expectation) notice(p *proxy, k kind, name, content []byte, at time.Time) {
	for index := range e.parts {
		part := &e.parts[index]
		if part.kind != k && (part.kind != routes || k != hosts) {
			continue
		}
		if part.Name != "" && part.Name != string(name) {
			continue
		}
		if e.at[index][p.index].Load() != 0 || !bytes.Contains(content, part.Contains) {
			continue
		}
		e.at[index][p.index].Store(at.UnixNano())
		if e.left.Add(-1) == 0 {
			close(e.done)
		}
	}
}

// tracking follows the endpoints of many services at once. Each change of
// theirs carries a number in an address, the marker, and numbers grow.
type tracking struct {
	services map[string]int // by the name of the assignment
}

type trackedArrival struct {
	service, marker int
	at              time.Time
}

// trackedArrivals is what one proxy has received, in order; guarded by the proxy.
type trackedArrivals struct {
	of   *tracking
	list []trackedArrival
}

func (a *trackedArrivals) add(t *tracking, service, marker int, at time.Time) {
	if a.of != t {
		*a = trackedArrivals{of: t}
	}
	a.list = append(a.list, trackedArrival{service, marker, at})
}

func (f *fleet) track(names []string) {
	t := &tracking{services: map[string]int{}}
	for index, name := range names {
		t.services[name] = index
	}
	f.tracking.Store(t)
}

type endpointChange struct {
	Service int     `json:"service"`
	Marker  int     `json:"marker"`
	AtMs    float64 `json:"atMs"` // milliseconds of the Unix clock at which it was made
}

type converged struct {
	// milliseconds from a change to a proxy that holds it or a later one, over all changes and proxies
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
	// pairs of a proxy and a service whose last change did not come
	Wrong int `json:"wrong"`
}

// tracked waits until every proxy has the last change of every service, and says how long each change took.
func (f *fleet) tracked(changes []endpointChange, limit time.Duration) converged {
	t := f.tracking.Load()
	byService := make([][]endpointChange, len(t.services))
	for _, change := range changes {
		byService[change.Service] = append(byService[change.Service], change)
	}
	answer := converged{}
	deadline := time.Now().Add(limit)
	for answer.Wrong = f.behind(t, byService); answer.Wrong > 0 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
		answer.Wrong = f.behind(t, byService)
	}
	f.tracking.Store(nil)
	var took []float64
	for _, p := range f.proxies {
		took = append(took, p.latencies(t, byService)...)
	}
	slices.Sort(took)
	at := func(share float64) float64 {
		if len(took) == 0 {
			return -1
		}
		return took[min(len(took)-1, int(share*float64(len(took))))]
	}
	answer.P50, answer.P99, answer.Max = at(0.5), at(0.99), at(1)
	return answer
}

// behind counts pairs of a proxy and a service whose last change has not come.
func (f *fleet) behind(t *tracking, byService [][]endpointChange) (count int) {
	for _, p := range f.proxies {
		p.mu.Lock()
		last := make([]int, len(byService))
		if p.arrivals.of == t {
			for _, arrival := range p.arrivals.list {
				last[arrival.service] = arrival.marker
			}
		}
		p.mu.Unlock()
		for service, changes := range byService {
			if len(changes) > 0 && last[service] != changes[len(changes)-1].Marker {
				count++
			}
		}
	}
	return count
}

func (p *proxy) latencies(t *tracking, byService [][]endpointChange) (took []float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.arrivals.of != t {
		return nil
	}
	next := make([]int, len(byService))
	for _, arrival := range p.arrivals.list {
		changes := byService[arrival.service]
		for ; next[arrival.service] < len(changes); next[arrival.service]++ {
			change := changes[next[arrival.service]]
			if change.Marker > arrival.marker {
				break
			}
			took = append(took, float64(arrival.at.UnixNano())/1e6-change.AtMs)
		}
	}
	return took
}

// Markers are addresses of 172.16.0.0/12, which nothing else here has: 20 bits.
var markerStart = []byte("172.")

// markerOf is the number in the marker of an assignment, or -1.
func markerOf(assignment []byte) int {
	for rest := assignment; ; {
		start := bytes.Index(rest, markerStart)
		if start < 0 {
			return -1
		}
		// SocketAddress.address: a tag, the length, the text
		if start >= 2 && rest[start-2] == 0x12 && start+int(rest[start-1]) <= len(rest) {
			if number, ok := parseMarker(rest[start : start+int(rest[start-1])]); ok {
				return number
			}
		}
		rest = rest[start+len(markerStart):]
	}
}

func parseMarker(address []byte) (int, bool) {
	parts := bytes.Split(address, []byte("."))
	if len(parts) != 4 {
		return 0, false
	}
	number := 0
	for _, part := range parts[1:] {
		value, err := strconv.Atoi(string(part))
		if err != nil || value > 255 {
			return 0, false
		}
		number = number<<8 | value
	}
	return number - 16<<16, number>>20 == 1
}
