package webhook

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Whoever names an address reaches the internet with it, and nothing of this machine, this network or the cloud's own services.
func TestWhereWebhooksMayLead(t *testing.T) {
	allow := Public([]netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")})
	for address, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1:248:1893:25c8:1946": true, "10.20.1.1": true,
		"10.21.1.1": false, "127.0.0.1": false, "::1": false, "0.0.0.0": false, "169.254.169.254": false, "192.168.1.1": false, "172.16.0.1": false,
		"100.64.0.1": false, "fd00::1": false, "fe80::1": false, "224.0.0.1": false, "255.255.255.255": false, "64:ff9b::a00:1": false, "2002:a00:1::": false,
	} {
		if got := allow(netip.MustParseAddr(address).Unmap()); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
}

// The judgement is made when the connection is, so that no name and no redirect gets around it.
func TestRefusedAddressesAreNotDialled(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer srv.Close()
	s := New(Options{Clock: time.Now, Allow: Public(nil)})
	defer s.Close()
	for _, address := range []string{srv.URL, strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)} {
		if err := s.Post(t.Context(), address, Secret("0123456789abcdef"), "1", []byte("{}")); err == nil || !strings.Contains(err.Error(), "webhook_networks") {
			t.Errorf("%s: %v", address, err)
		}
	}
	allowed := New(Options{Clock: time.Now, Allow: Public([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")})})
	defer allowed.Close()
	if err := allowed.Post(t.Context(), srv.URL, Secret("0123456789abcdef"), "1", []byte("{}")); err != nil || asked != 1 {
		t.Errorf("%d asked: %v", asked, err)
	}
}

// Who names an address is told why it was not reached, and nothing of the network that the collector stands in.
func TestWhatIsSaidOfAnAddressThatIsNotReached(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	s := New(Options{Clock: time.Now, Allow: Public([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})})
	defer s.Close()
	for address, want := range map[string]string{
		secure.URL: "its certificate is not one that the collector trusts", closed.URL: "it takes no connections there", "https://maestro.invalid/hook": "name",
	} {
		err := s.Post(t.Context(), address, Secret("0123456789abcdef"), "1", []byte("{}"))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "lookup ") || strings.Contains(err.Error(), "dial ") {
			t.Errorf("%s: %v", address, err)
		}
	}
	for cause, want := range map[error]error{
		&net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", Name: "x", Server: "10.255.255.53:53"}}:             errLookup,
		&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "x", Server: "10.255.255.53:53", IsNotFound: true}}: errNoName,
		context.DeadlineExceeded: errNoAnswer, errors.New("read tcp 10.1.2.3:4: reset"): errUnreached,
	} {
		if got := inWords(cause); got != want { //nolint:errorlint // the very one
			t.Errorf("%v: %v", cause, got)
		}
	}
}

func TestRedirectsLeadNowhere(t *testing.T) {
	asked := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer other.Close()
	srv := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	s := New(Options{Clock: time.Now})
	defer s.Close()
	if err := s.Post(t.Context(), srv.URL, Secret("0123456789abcdef"), "1", []byte("{}")); err == nil || asked != 0 || strings.Contains(err.Error(), srv.URL) {
		t.Errorf("%d asked: %v", asked, err)
	}
}
