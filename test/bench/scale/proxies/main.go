// Simulated sidecars: delta xDS clients that subscribe, acknowledge and follow
// as an Envoy does, keep hashes instead of configuration, and note when what
// they were told to look for arrives.
//
// Commands are JSON objects, one a line, on standard input; each is answered
// by one line on standard output. The end of standard input ends the program.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"time"
)

type command struct {
	Op string `json:"op"`
	// connect
	Address string           `json:"address"`
	TLS     *tlsSettings     `json:"tls"`
	Proxies []proxySettings  `json:"proxies"`
	LimitMs float64          `json:"limitMs"`
	Parts   []expectedPart   `json:"parts"`
	Names   []string         `json:"names"`
	Changes []endpointChange `json:"changes"`
}

func (c command) limit() time.Duration { return time.Duration(c.LimitMs * float64(time.Millisecond)) }

func main() {
	// What is kept lives long and what comes is thrown away at once.
	debug.SetGCPercent(400)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	var now, before *fleet
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fail(err)
		}
		answer, err := run(&now, &before, c)
		if err != nil {
			fail(fmt.Errorf("%s: %w", c.Op, err))
		}
		if err := out.Encode(answer); err != nil {
			fail(err)
		}
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
}

func run(f, before **fleet, c command) (any, error) {
	if c.Op == "connect" {
		created, err := newFleet(c)
		if err != nil {
			return nil, err
		}
		*f = created
		return created.connect(c.limit()), nil
	}
	if *f == nil {
		return nil, fmt.Errorf("not connected")
	}
	switch c.Op {
	case "disconnect":
		(*f).disconnect()
		*f, *before = nil, *f
		return struct{}{}, nil
	case "expect":
		(*f).expect(c.Parts)
		return struct{}{}, nil
	case "arrivals":
		return (*f).arrivals(c.limit()), nil
	case "track":
		(*f).track(c.Names)
		return struct{}{}, nil
	case "tracked":
		return (*f).tracked(c.Changes, c.limit()), nil
	case "quiet":
		return struct{}{}, (*f).quiet(c.limit())
	case "traffic":
		return (*f).traffic(), nil
	case "compare":
		if *before == nil || len((*before).proxies) != len((*f).proxies) {
			return nil, fmt.Errorf("nothing to compare with")
		}
		return (*f).compare(*before), nil
	}
	return nil, fmt.Errorf("no such command")
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "proxies:", err)
	os.Exit(1)
}
