package client

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"

	"maestro.internal/internal/rest"
)

// SignIn opens a session with a password, makes an API token in it, ends the session and answers the token.
func SignIn(ctx context.Context, base, username, password string, want rest.TokenCreate, transport http.RoundTripper) (string, error) {
	c, err := New(base, "", csrf{transport})
	if err != nil {
		return "", err
	}
	if c.http.Jar, err = cookiejar.New(nil); err != nil {
		return "", fmt.Errorf("make cookie jar: %w", err)
	}
	in := rest.SignIn{Username: username, Password: password}
	if err := c.Do(ctx, Request{Method: http.MethodPost, Path: "/session", Body: in}, nil); err != nil {
		return "", fmt.Errorf("sign in as %s: %w", username, err)
	}
	var token rest.Token
	if err := c.Do(ctx, Request{Method: http.MethodPost, Path: "/tokens", Body: want}, &token); err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	if err := c.Do(ctx, Request{Method: http.MethodDelete, Path: "/session"}, nil); err != nil {
		return "", fmt.Errorf("sign out: %w", err)
	}
	return token.Secret, nil
}

// csrf marks the calls as made on purpose, which the collector wants of callers that hold a cookie.
type csrf struct{ next http.RoundTripper }

func (t csrf) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Maestro-CSRF", "1")
	return t.next.RoundTrip(r)
}
