package plugintest

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"syscall"
	"testing"

	"google.golang.org/grpc/test/bufconn"
)

// Network replaces the network of a test by one in memory, until the test ends: servers that it starts are reached by
// whatever makes its client with package httpclient, as over the real one.
//
// It is for tests inside testing/synctest. A bubble's time stands still while a goroutine waits for a real socket; with
// this network a provider that throttles for minutes costs a test milliseconds, and yet nothing between plugin and
// server is a mock. Tests that use it must not run in parallel.
type Network struct {
	t     testing.TB
	hosts map[string]*bufconn.Listener
}

// NewNetwork makes an empty network.
func NewNetwork(t testing.TB) *Network {
	n := &Network{t: t, hosts: map[string]*bufconn.Listener{}}
	real, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		t.Fatal("http.DefaultTransport is not what package httpclient makes its clients of")
	}
	ours := real.Clone()
	ours.DialContext, ours.Proxy = n.dial, nil
	http.DefaultTransport = ours
	t.Cleanup(func() {
		ours.CloseIdleConnections()
		http.DefaultTransport = real
	})
	return n
}

// Serve puts a server that has not been started on the network, at a host of its own, and starts it; with TLS its
// certificate is httptest's, which is for example.com. It is closed when the test ends.
func (n *Network) Serve(server *httptest.Server, host string, tls bool) {
	n.t.Helper()
	if server.Listener != nil {
		if err := server.Listener.Close(); err != nil {
			n.t.Fatal(err)
		}
	}
	listener := bufconn.Listen(1 << 20)
	n.hosts[host] = listener
	server.Listener = &named{listener, host}
	if tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	n.t.Cleanup(server.Close)
}

func (n *Network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if l := n.hosts[address]; l != nil {
		return l.DialContext(ctx)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
}

// named is a listener whose address is a host's, so that the server's URL leads there.
type named struct {
	*bufconn.Listener
	host string
}

type place string

func (p place) Network() string { return "memory" }
func (p place) String() string  { return string(p) }

// Addr is the host.
func (l *named) Addr() net.Addr { return place(l.host) }
