package armtest

import (
	"net/http"
	"strings"
	"time"
)

// signIn is the token endpoint of Microsoft Entra, as far as applications use it.
func (a *Azure) signIn(w http.ResponseWriter, req *http.Request) {
	refuse := func(status int, code, description string) {
		write(w, status, map[string]any{
			"error": code, "error_description": description + " Trace ID: 0f0e Correlation ID: 1a2b Timestamp: 2026-01-01 00:00:00Z",
			"error_codes": []int{1}, "trace_id": "0f0e",
		})
	}
	tenant := strings.Split(strings.TrimPrefix(req.URL.Path, "/"), "/")[0]
	switch {
	case req.ParseForm() != nil:
		refuse(400, "invalid_request", "AADSTS900144: The request body is broken.")
	case tenant != a.Tenant:
		refuse(400, "invalid_request", "AADSTS90002: Tenant '"+tenant+"' not found.")
	case req.PostForm.Get("client_id") != a.Client:
		refuse(400, "unauthorized_client", "AADSTS700016: Application with identifier '"+req.PostForm.Get("client_id")+"' was not found in the directory.")
	case req.PostForm.Get("client_assertion") == "" && req.PostForm.Get("client_secret") != a.Secret:
		refuse(401, "invalid_client", "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '"+a.Client+"'.")
	case !strings.HasPrefix(req.PostForm.Get("scope"), "https://management.test/.default"):
		refuse(400, "invalid_resource", "AADSTS500011: The resource principal named "+req.PostForm.Get("scope")+" was not found in the tenant.")
	default:
		token, life := a.newToken()
		write(w, 200, map[string]any{"token_type": "Bearer", "expires_in": int(life.Seconds()), "ext_expires_in": int(life.Seconds()), "access_token": token})
	}
}

func (a *Azure) openID(w http.ResponseWriter, req *http.Request) {
	base := "https://" + req.Host + "/" + strings.Split(strings.TrimPrefix(req.URL.Path, "/"), "/")[0]
	write(w, 200, map[string]any{
		"token_endpoint": base + "/oauth2/v2.0/token", "authorization_endpoint": base + "/oauth2/v2.0/authorize",
		"issuer": base + "/v2.0", "jwks_uri": base + "/discovery/v2.0/keys",
	})
}

// managedIdentity is the endpoint that App Service gives its programs.
func (a *Azure) managedIdentity(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("X-Identity-Header") != a.IdentityHeader {
		write(w, 401, map[string]any{"statusCode": 401, "message": "wrong header"})
		return
	}
	token, life := a.newToken()
	write(w, 200, map[string]any{"access_token": token, "expires_on": time.Now().Add(life).Unix(), "resource": req.URL.Query().Get("resource"), "token_type": "Bearer"})
}

// Token is one that the cloud accepts, for clients that sign in otherwise.
func (a *Azure) Token() string {
	token, _ := a.newToken()
	return token
}
