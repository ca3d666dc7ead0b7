package client_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"maestro.internal/cli/internal/client"
)

// A filter that is too long for the server to look at is refused before any handler; people still read why.
func TestTooLongAQuestion(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.MaxHeaderBytes = 4 << 10
	server.Start()
	defer server.Close()
	c, err := client.New(server.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Get[struct{}](t.Context(), c, "/resources/server", url.Values{"filter": {strings.Repeat("web ", 20_000)}})
	if err == nil || !strings.Contains(err.Error(), "A filter has at most 8 KiB.") {
		t.Errorf("%v", err)
	}
}

// Who asks for much may wait for it longer than a minute, and who waited in vain is told how.
func TestAnswersAreWaitedForAsLongAsWasSaid(t *testing.T) {
	free := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-free:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(free)
	c, err := client.New(server.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	c.WaitFor(50 * time.Millisecond)
	_, err = client.Get[struct{}](t.Context(), c, "/resources/server", nil)
	if err == nil || !strings.Contains(err.Error(), "no answer within 50ms; --timeout waits longer") {
		t.Errorf("%v", err)
	}
	go func() {
		time.Sleep(100 * time.Millisecond)
		free <- struct{}{}
	}()
	c.WaitFor(time.Minute)
	if _, err = client.Get[struct{}](t.Context(), c, "/resources/server", nil); err != nil {
		t.Errorf("a patient one: %v", err)
	}
}
