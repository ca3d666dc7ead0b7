// Package oidctest is an OpenID Connect provider for tests: discovery, codes that work once, PKCE, signed tokens. What it says of
// whom is set by the test, and so is what it does wrong.
package oidctest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Client is what it knows the collector as.
const (
	Client = "maestro"
	Secret = "provider secret"
)

// Provider is one.
type Provider struct {
	URL string
	// Redirect is the only address that it sends browsers back to.
	Redirect string

	t      *testing.T
	signer jose.Signer
	keys   jose.JSONWebKeySet

	mu sync.Mutex
	// claims of who signs in next; guarded by mu, like the rest.
	claims map[string]any
	// info are claims that only the userinfo endpoint tells.
	info   map[string]any
	spoil  func(claims map[string]any)
	codes  map[string]grant
	tokens map[string]map[string]any
}

type grant struct {
	challenge, nonce string
	claims, info     map[string]any
}

// New starts one; it ends with the test.
func New(t *testing.T) *Provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{t: t, codes: map[string]grant{}, tokens: map[string]map[string]any{}}
	p.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.keys.Keys = []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, p.keys) })
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userinfo)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	p.URL = srv.URL
	return p
}

// Person says who signs in from now on.
func (p *Provider) Person(claims map[string]any) { p.Told(claims, nil) }

// Told also says what only the userinfo endpoint tells.
func (p *Provider) Told(claims, info map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims, p.info, p.spoil = claims, info, nil
}

// Spoil changes what the next tokens say.
func (p *Provider) Spoil(fn func(claims map[string]any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spoil = fn
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, 200, map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"userinfo_endpoint": p.URL + "/userinfo", "end_session_endpoint": p.URL + "/logout",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

// authorize lets in whoever the test named, or says that it does not when there is nobody.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != Client || q.Get("redirect_uri") != p.Redirect || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" {
		http.Error(w, "bad request: "+r.URL.RawQuery, http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	back := url.Values{"state": {q.Get("state")}, "iss": {p.URL}}
	if p.claims == nil {
		back.Set("error", "access_denied")
		back.Set("error_description", "<script>no</script>")
	} else {
		code := rand.Text()
		p.codes[code] = grant{challenge: q.Get("code_challenge"), nonce: q.Get("nonce"), claims: maps.Clone(p.claims), info: maps.Clone(p.info)}
		back.Set("code", code)
	}
	http.Redirect(w, r, p.Redirect+"?"+back.Encode(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	p.mu.Lock()
	defer p.mu.Unlock()
	g, ok := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code")) // once
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || id != Client || secret != url.QueryEscape(Secret) || base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge || r.PostFormValue("redirect_uri") != p.Redirect {
		answer(w, 400, map[string]any{"error": "invalid_grant"})
		return
	}
	now := time.Now()
	claims := map[string]any{"iss": p.URL, "aud": Client, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "nonce": g.nonce}
	maps.Copy(claims, g.claims)
	if p.spoil != nil {
		p.spoil(claims)
	}
	raw, err := jwt.Signed(p.signer).Claims(claims).Serialize()
	if err != nil {
		p.t.Errorf("sign token: %v", err)
	}
	access := rand.Text()
	info := map[string]any{"sub": g.claims["sub"]}
	maps.Copy(info, g.info)
	p.tokens[access] = info
	answer(w, 200, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": raw})
}

func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	info, ok := p.tokens[trim(r.Header.Get("Authorization"))]
	if !ok {
		answer(w, 401, map[string]any{"error": "invalid_token"})
		return
	}
	answer(w, 200, info)
}

func trim(header string) string {
	const scheme = "Bearer "
	return header[min(len(scheme), len(header)):]
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone when this fails
}
