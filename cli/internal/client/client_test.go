package client_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

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
