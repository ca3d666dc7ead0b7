package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"

	"maestro.internal/internal/rest"
)

// Credentials are what somebody signs in with.
type Credentials struct {
	Username, Password string
	// Code of the second factor; when it is empty and wanted, Ask is asked for it.
	Code string
	Ask  func() (string, error)
	// Tenant to make the token in; empty is the one that signing in leads to.
	Tenant string
}

// SignIn opens a session with a password, makes an API token in it, ends the session and answers the token.
func SignIn(ctx context.Context, base string, who Credentials, want rest.TokenCreate, transport http.RoundTripper) (string, error) {
	c, err := New(base, "", csrf{transport})
	if err != nil {
		return "", err
	}
	if c.http.Jar, err = cookiejar.New(nil); err != nil {
		return "", fmt.Errorf("make cookie jar: %w", err)
	}
	if err := open(ctx, c, who); err != nil {
		return "", fmt.Errorf("sign in as %s: %w", who.Username, err)
	}
	if who.Tenant != "" {
		if err := c.Do(ctx, Request{Method: http.MethodPut, Path: "/session/tenant", Body: rest.TenantChoice{ID: who.Tenant}}, nil); err != nil {
			return "", fmt.Errorf("enter the tenant %s: %w", who.Tenant, err)
		}
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

func open(ctx context.Context, c *Client, who Credentials) error {
	in := rest.SignIn{Username: who.Username, Password: who.Password, Code: who.Code}
	err := c.Do(ctx, Request{Method: http.MethodPost, Path: "/session", Body: in}, nil)
	var refused *Error
	if !errors.As(err, &refused) || refused.Type != rest.ProblemCodeNeeded || who.Ask == nil {
		return err
	}
	if in.Code, err = who.Ask(); err != nil {
		return err
	}
	return c.Do(ctx, Request{Method: http.MethodPost, Path: "/session", Body: in}, nil)
}

// csrf marks the calls as made on purpose, which the collector wants of callers that hold a cookie.
type csrf struct{ next http.RoundTripper }

func (t csrf) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Maestro-CSRF", "1")
	return t.next.RoundTrip(r)
}
