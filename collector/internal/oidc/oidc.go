// Package oidc signs people in with an OpenID Connect provider: the code flow with PKCE, by the provider's own discovery document.
//
// What was begun is bound to the browser by a cookie that only the collector can make and read (state, nonce, PKCE verifier and
// where to go afterwards), so no collector has to remember it and any of several can finish what another began. What comes back
// is who somebody is at the provider; what follows from that here is decided by access.
package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"maestro.internal/collector/internal/access"
)

var (
	// ErrDenied says that the provider did not let somebody in, or that he turned back.
	ErrDenied = errors.New("the provider did not sign anybody in")
	// ErrExpired says that what came back does not belong to what this browser began, or came too late.
	ErrExpired = errors.New("the sign-in was not begun in this browser, or too long ago")
	// ErrProvider says that the provider cannot be asked, or answers what cannot be trusted.
	ErrProvider = errors.New("the provider does not answer as it should")
)

// Options of a Provider.
type Options struct {
	// Issuer is its address, as its discovery document says it.
	Issuer       string
	ClientID     string
	ClientSecret access.Secret
	// Scopes beside openid.
	Scopes []string
	// RedirectURL is the collector's own address that the provider sends browsers back to.
	RedirectURL string
	// UsernameClaim and GroupsClaim name what a user is called and which groups he is in.
	UsernameClaim, GroupsClaim string
	// SignOut ends the session at the provider too, and After is where it sends browsers then.
	SignOut bool
	After   string
	// Key (32 bytes) seals what is bound to a browser.
	Key []byte
	// HTTP asks the provider; nil is a client of our own.
	HTTP  *http.Client
	Clock func() time.Time
	Log   *slog.Logger
}

const (
	// askWithin bounds every question to the provider, maxAnswer its answer.
	askWithin = 15 * time.Second
	maxAnswer = 1 << 20
	maxGroups = 2000
	maxGroup  = 500
)

// Provider is one provider. It is found when it is first needed, so that a collector starts without it.
type Provider struct {
	opt  Options
	http *http.Client

	mu    sync.Mutex
	found *found
}

// found is what the provider says of itself.
type found struct {
	provider *gooidc.Provider
	verifier *gooidc.IDTokenVerifier
	config   oauth2.Config
	endAt    string
}

// New checks what can be checked without asking.
func New(opt Options) (*Provider, error) {
	u, err := url.Parse(opt.Issuer)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, fmt.Errorf("issuer: %q is not like https://id.example.org", opt.Issuer)
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, fmt.Errorf("issuer: %q has to begin with https://", opt.Issuer)
	case opt.ClientID == "":
		return nil, errors.New("client_id is empty")
	case len(opt.Key) != 32:
		return nil, errors.New("want a key of 32 bytes")
	}
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	p := &Provider{opt: opt, http: &http.Client{Timeout: askWithin}}
	if opt.HTTP != nil {
		other := *opt.HTTP
		p.http = &other
	}
	next := p.http.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	p.http.Transport = bounded{next}
	return p, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// bounded reads no answer without end.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxAnswer), res.Body}
	}
	return res, err
}

// discover asks the provider what it is; an answer is kept, a failure is not.
func (p *Provider) discover(ctx context.Context) (*found, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	// Keys are fetched later, long after this request.
	provider, err := gooidc.NewProvider(gooidc.ClientContext(context.WithoutCancel(ctx), p.http), p.opt.Issuer)
	if err != nil {
		return nil, p.told("discover", err)
	}
	var more struct {
		End string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, p.told("discover", err)
	}
	p.found = &found{provider: provider, endAt: more.End,
		verifier: provider.VerifierContext(gooidc.ClientContext(context.WithoutCancel(ctx), p.http), &gooidc.Config{ClientID: p.opt.ClientID, Now: p.opt.Clock}),
		config: oauth2.Config{ClientID: p.opt.ClientID, ClientSecret: p.opt.ClientSecret.Reveal(), Endpoint: provider.Endpoint(),
			RedirectURL: p.opt.RedirectURL, Scopes: append([]string{gooidc.ScopeOpenID}, p.opt.Scopes...)}}
	return p.found, nil
}

// told writes down what the provider did; people are told that it did, and not what.
func (p *Provider) told(what string, err error) error {
	p.opt.Log.Error("ask the sign-in provider", "step", what, "issuer", p.opt.Issuer, "error", err)
	return ErrProvider
}

// Begun is a sign-in that a browser is sent away with.
type Begun struct {
	// URL is the provider's, Cookie what the browser has to bring back.
	URL    string
	Cookie access.Secret
}

// Begin begins a sign-in that ends at a path of ours. link names the session that is linked in place of signing in.
func (p *Provider) Begin(ctx context.Context, path, link string) (Begun, error) {
	f, err := p.discover(ctx)
	if err != nil {
		return Begun{}, err
	}
	t := ticket{State: newSecret(), Nonce: newSecret(), Verifier: oauth2.GenerateVerifier(), Path: SafePath(path), Link: link, Until: p.opt.Clock().Add(ticketLife)}
	cookie, err := p.seal(t)
	if err != nil {
		return Begun{}, err
	}
	return Begun{URL: f.config.AuthCodeURL(t.State, gooidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)), Cookie: cookie}, nil
}

// Ended is a sign-in that came back.
type Ended struct {
	Person access.External
	// Path is where to go, Link the session that is to be linked; empty: it is a sign-in.
	Path, Link string
}

// Finish checks what a browser brought back. What it answers beside an error is where the browser came from.
func (p *Provider) Finish(ctx context.Context, cookie access.Secret, query url.Values) (Ended, error) {
	t, ok := p.open(cookie)
	if !ok || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(t.State)) != 1 {
		return Ended{Path: "/"}, ErrExpired
	}
	end := Ended{Path: t.Path, Link: t.Link}
	if iss := query.Get("iss"); iss != "" && iss != p.opt.Issuer { // RFC 9207: another provider's answer
		return end, p.told("callback", fmt.Errorf("the answer is of %q", iss))
	}
	if query.Get("error") != "" {
		p.opt.Log.Warn("the sign-in provider refused", "error", query.Get("error"), "description", query.Get("error_description"))
		return end, ErrDenied
	}
	f, err := p.discover(ctx)
	if err != nil {
		return end, err
	}
	ctx, cancel := context.WithTimeout(gooidc.ClientContext(ctx, p.http), askWithin)
	defer cancel()
	token, err := f.config.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return end, p.told("exchange the code", err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := f.verifier.Verify(ctx, raw)
	if err != nil {
		return end, p.told("verify the token", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(t.Nonce)) != 1 {
		return end, p.told("verify the token", errors.New("the nonce is another one"))
	}
	end.Person, err = p.person(ctx, f, id, token)
	return end, err
}

// person reads the claims. What the token does not say the provider may say when asked with it.
func (p *Provider) person(ctx context.Context, f *found, id *gooidc.IDToken, token *oauth2.Token) (access.External, error) {
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return access.External{}, p.told("read the claims", err)
	}
	if azp, ok := claims["azp"].(string); ok && azp != p.opt.ClientID || !ok && len(id.Audience) > 1 {
		return access.External{}, p.told("verify the token", errors.New("it was made for another client"))
	}
	_, named := claims[p.opt.UsernameClaim]
	_, grouped := claims[p.opt.GroupsClaim]
	if (!named || !grouped && p.opt.GroupsClaim != "") && f.provider.UserInfoEndpoint() != "" {
		info, err := f.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return access.External{}, p.told("ask for the user", err)
		}
		if info.Subject != id.Subject {
			return access.External{}, p.told("ask for the user", errors.New("the answer is about somebody else"))
		}
		more := map[string]any{}
		if err := info.Claims(&more); err != nil {
			return access.External{}, p.told("read the claims", err)
		}
		for name, value := range more {
			if _, ok := claims[name]; !ok {
				claims[name] = value
			}
		}
	}
	x := access.External{Issuer: id.Issuer, Subject: id.Subject, Username: text(claims[p.opt.UsernameClaim]), Name: text(claims["name"]), Email: text(claims["email"])}
	x.EmailVerified, _ = claims["email_verified"].(bool)
	x.Groups = texts(claims[p.opt.GroupsClaim])
	return x, nil
}

// SignOutURL is where a browser ends its session at the provider; empty when that is not wanted or not known.
func (p *Provider) SignOutURL() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.opt.SignOut || p.found == nil || p.found.endAt == "" {
		return ""
	}
	u, err := url.Parse(p.found.endAt)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	q := u.Query()
	q.Set("client_id", p.opt.ClientID)
	q.Set("post_logout_redirect_uri", p.opt.After)
	u.RawQuery = q.Encode()
	return u.String()
}

// SafePath is a path of our own pages, whatever was asked for: anything that could lead elsewhere becomes "/".
func SafePath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || len(path) > 2000 ||
		!strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\t\r\n") || strings.HasPrefix(u.Path, "//") ||
		strings.HasPrefix(u.Path, "/api/") || strings.ContainsFunc(path, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		return "/"
	}
	return path
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// texts takes a list, or one text; what else a provider may send is no group.
func texts(v any) []string {
	var all []string
	switch v := v.(type) {
	case string:
		all = append(all, v)
	case []any:
		for _, one := range v {
			all = append(all, text(one))
		}
	}
	all = slices.DeleteFunc(all, func(s string) bool { return s == "" || len(s) > maxGroup })
	return all[:min(len(all), maxGroups)]
}
