// Package armtest is a small Azure to test against: sign-in, Resource Manager with paging, roles and errors, and as
// much of Resource Graph as the plugin asks. The SDK's own fakes answer inside the process, so that they show neither
// a Retry-After nor a connection that is cut; this one speaks HTTP, over TLS.
//
// What it serves is made of the SDK's own types, so that its JSON is what Azure's would be, and the SDK's own clients
// can read it for comparison.
package armtest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Azure is the pretended cloud. Make it with New, fill it, and Start it.
type Azure struct {
	// Tenant, Client and Secret are what signs in. A client assertion (certificate, federated token) is taken
	// without a look at its signature.
	Tenant, Client, Secret string
	// Principal is the object id of the identity.
	Principal string
	// IdentityHeader is the secret of the managed identity's endpoint.
	IdentityHeader string
	// PageSize bounds every answer; 0 means 3.
	PageSize int
	// GraphPageSize is that of Resource Graph; 0 means 100.
	GraphPageSize int
	// Clock is what the answers' dates say; nil means the real time.
	Clock func() time.Time
	// Before, if there is one, is asked first, and answers true when it has answered the request.
	Before func(http.ResponseWriter, *http.Request) bool
	// Spoil, if there is one, changes the answers of Resource Manager and Resource Graph.
	Spoil func(path string, body []byte) []byte
	// TokenLife is how long a token is good; 0 means an hour.
	TokenLife time.Duration

	mu       sync.Mutex
	subs     []*Subscription
	groups   map[string][]any
	faults   []*Fault
	tokens   map[string]time.Time
	requests []string

	server *httptest.Server
}

// Subscription is one of the cloud's.
type Subscription struct {
	ID, Name, State, Tenant string
	// Actions and NotActions are what the identity may do there; */read by default. Without any the
	// subscription is not visible.
	Actions, NotActions []string
	// Unregistered are resource providers that the subscription does not use: Microsoft.Sql.
	Unregistered []string

	lists map[string][]json.RawMessage
	graph map[string][]json.RawMessage
}

// New is a cloud without subscriptions.
func New() *Azure {
	return &Azure{
		Tenant: "11111111-2222-3333-4444-555555555555", Client: "aaaaaaaa-0000-0000-0000-00000000c11e", Secret: "s3cr3t~of.the_application",
		Principal: "bbbbbbbb-0000-0000-0000-0000000000bb", IdentityHeader: "header-of-the-identity", groups: map[string][]any{}, tokens: map[string]time.Time{},
	}
}

// Start serves on a port of the kernel's choice; Close ends it.
func (a *Azure) Start() { a.StartWith((*httptest.Server).StartTLS) }

// StartWith is Start by somebody who puts the server elsewhere, on a network in memory.
func (a *Azure) StartWith(start func(*httptest.Server)) {
	a.server = httptest.NewUnstartedServer(a)
	// That a client breaks off is what some tests are about.
	a.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	start(a.server)
}

// Close ends what Start began.
func (a *Azure) Close() { a.server.Close() }

// URL is the address of both Resource Manager and sign-in.
func (a *Azure) URL() string { return a.server.URL }

// HTTP is a client that trusts the server.
func (a *Azure) HTTP() *http.Client { return a.server.Client() }

// CA is the certificate to trust, in PEM.
func (a *Azure) CA() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.server.Certificate().Raw}))
}

// Settings are a connection's to this cloud.
func (a *Azure) Settings(more map[string]any) json.RawMessage {
	all := map[string]any{
		"cloud": "custom", "resource_manager_url": a.URL(), "authority_url": a.URL(), "audience": "https://management.test",
		"ca": a.CA(), "tenant_id": a.Tenant, "client_id": a.Client,
	}
	for k, v := range more {
		if v == nil {
			delete(all, k)
			continue
		}
		all[k] = v
	}
	return encode(all)
}

// Add makes a subscription.
func (a *Azure) Add(id, name string) *Subscription {
	s := &Subscription{ID: id, Name: name, State: "Enabled", Tenant: a.Tenant, Actions: []string{"*/read"}, lists: map[string][]json.RawMessage{}, graph: map[string][]json.RawMessage{}}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.subs = append(a.subs, s)
	return s
}

// Group puts subscriptions below a management group.
func (a *Azure) Group(id string, subs ...*Subscription) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := []any{map[string]any{"id": "/providers/Microsoft.Management/managementGroups/" + id + "-child", "type": "Microsoft.Management/managementGroups", "name": id + "-child", "properties": map[string]any{"displayName": "child"}}}
	for _, s := range subs {
		list = append(list, map[string]any{"id": "/subscriptions/" + s.ID, "type": "/subscriptions", "name": s.ID, "properties": map[string]any{"displayName": s.Name}})
	}
	a.groups[strings.ToLower(id)] = list
}

// Put appends resources to a list, by its path below the subscription: "/providers/Microsoft.Compute/disks". A
// query of the path makes another list: ".../virtualMachines?statusOnly=true".
func (s *Subscription) Put(path string, resources ...any) {
	path = strings.ToLower(path)
	if s.lists[path] == nil {
		s.lists[path] = []json.RawMessage{}
	}
	for _, r := range resources {
		s.lists[path] = append(s.lists[path], encode(r))
	}
}

// Drop empties a list.
func (s *Subscription) Drop(path string) { delete(s.lists, strings.ToLower(path)) }

// Index puts rows into Resource Graph, by their type.
func (s *Subscription) Index(typ string, rows ...any) {
	for _, r := range rows {
		s.graph[strings.ToLower(typ)] = append(s.graph[strings.ToLower(typ)], encode(r))
	}
}

// DropIndex removes all rows of a type from Resource Graph.
func (s *Subscription) DropIndex(typ string) { delete(s.graph, strings.ToLower(typ)) }

// Paths are the lists that there are, for a test that wants to see each asked for.
func (s *Subscription) Paths() []string {
	var out []string
	for p := range s.lists {
		out = append(out, p)
	}
	return out
}

// Count is how many resources a list has.
func (s *Subscription) Count(path string) int { return len(s.lists[strings.ToLower(path)]) }

// encode writes what tests make; they make nothing that has no JSON.
func encode(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("armtest: %v", err))
	}
	return text
}

// Requests are the method and path of every request so far, sign-in included.
func (a *Azure) Requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.requests...)
}

// Forget empties Requests.
func (a *Azure) Forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = nil
}

func (a *Azure) now() time.Time {
	if a.Clock != nil {
		return a.Clock()
	}
	return time.Now()
}

// ServeHTTP answers as Azure would.
func (a *Azure) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	a.mu.Lock()
	a.requests = append(a.requests, req.Method+" "+req.URL.Path)
	fault := a.due(req)
	a.mu.Unlock()
	w.Header().Set("Date", a.now().UTC().Format(http.TimeFormat))
	if fault != nil && fault.serve(a, w, req) {
		return
	}
	if a.Before != nil && a.Before(w, req) {
		return
	}
	if a.Spoil == nil || strings.Contains(req.URL.Path, "/oauth2/") || strings.Contains(req.URL.Path, "/.well-known/") {
		a.answer(w, req)
		return
	}
	whole := httptest.NewRecorder()
	a.answer(whole, req)
	w.Header().Set("Content-Type", whole.Header().Get("Content-Type"))
	w.WriteHeader(whole.Code)
	_, _ = w.Write(a.Spoil(req.URL.Path, whole.Body.Bytes())) // whoever asked may be gone
}

func (a *Azure) answer(w http.ResponseWriter, req *http.Request) {
	path := strings.ToLower(req.URL.Path)
	switch {
	case strings.HasSuffix(path, "/oauth2/v2.0/token"):
		a.signIn(w, req)
		return
	case strings.HasSuffix(path, "/.well-known/openid-configuration"):
		a.openID(w, req)
		return
	case path == "/msi/token":
		a.managedIdentity(w, req)
		return
	}
	if !a.signedIn(req) {
		w.Header().Set("WWW-Authenticate", `Bearer authorization_uri="`+a.URL()+`", error="invalid_token"`)
		refuse(w, 401, "InvalidAuthenticationToken", "The access token is invalid.")
		return
	}
	if req.URL.Query().Get("api-version") == "" {
		refuse(w, 400, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests.")
		return
	}
	switch {
	case path == "/providers/microsoft.resourcegraph/resources" && req.Method == http.MethodPost:
		a.graph(w, req)
	case req.Method != http.MethodGet:
		refuse(w, 403, "AuthorizationFailed", "this identity may only read")
	case path == "/subscriptions":
		a.subscriptions(w, req)
	case strings.HasPrefix(path, "/providers/microsoft.management/managementgroups/"):
		a.descendants(w, req)
	default:
		a.list(w, req)
	}
}

func (a *Azure) subscriptions(w http.ResponseWriter, req *http.Request) {
	var list []json.RawMessage
	for _, s := range a.subs {
		if len(s.Actions) > 0 {
			list = append(list, encode(map[string]any{"id": "/subscriptions/" + s.ID, "subscriptionId": s.ID, "displayName": s.Name, "state": s.State, "tenantId": s.Tenant}))
		}
	}
	a.page(w, req, list)
}

func (a *Azure) descendants(w http.ResponseWriter, req *http.Request) {
	id := strings.Split(strings.ToLower(req.URL.Path), "/")[4]
	group, ok := a.groups[id]
	if !ok {
		refuse(w, 403, "AuthorizationFailed", "The client does not have authorization to perform action 'Microsoft.Management/managementGroups/descendants/read'.")
		return
	}
	var list []json.RawMessage
	for _, d := range group {
		list = append(list, encode(d))
	}
	a.page(w, req, list)
}

// list serves a listing of a subscription, after its roles.
func (a *Azure) list(w http.ResponseWriter, req *http.Request) {
	parts := strings.SplitN(strings.TrimPrefix(req.URL.Path, "/"), "/", 3)
	var sub *Subscription
	for _, s := range a.subs {
		if len(parts) == 3 && strings.EqualFold(parts[0], "subscriptions") && strings.EqualFold(s.ID, parts[1]) {
			sub = s
		}
	}
	if sub == nil || len(sub.Actions) == 0 && sub.Tenant != a.Tenant {
		refuse(w, 404, "SubscriptionNotFound", "The subscription could not be found.")
		return
	}
	path := "/" + strings.ToLower(parts[2])
	if path == "/locations" {
		a.page(w, req, []json.RawMessage{
			encode(map[string]any{"name": "westeurope", "displayName": "West Europe", "metadata": map[string]any{"regionType": "Physical"}}),
			encode(map[string]any{"name": "europe", "displayName": "Europe", "metadata": map[string]any{"regionType": "Logical"}}),
			encode(map[string]any{"name": "northeurope", "displayName": "North Europe", "metadata": map[string]any{"regionType": "Physical"}}),
		})
		return
	}
	if !strings.Contains(path, "/providers/") {
		refuse(w, 404, "InvalidResourceType", "The resource type could not be found.")
		return
	}
	if path == "/providers/microsoft.authorization/permissions" {
		a.page(w, req, []json.RawMessage{encode(map[string]any{"actions": list(sub.Actions), "notActions": list(sub.NotActions)})})
		return
	}
	action := actionOf(parts[2])
	if !sub.allows(action) {
		refuse(w, 403, "AuthorizationFailed", fmt.Sprintf("The client '%s' with object id '%s' does not have authorization to perform action '%s' over scope '/subscriptions/%s' or the scope is invalid. If access was recently granted, please refresh your credentials.", a.Client, a.Principal, action, sub.ID))
		return
	}
	for _, namespace := range sub.Unregistered {
		if strings.Contains(path, "/providers/"+strings.ToLower(namespace)+"/") {
			refuse(w, 409, "MissingSubscriptionRegistration", "The subscription is not registered to use namespace '"+namespace+"'.")
			return
		}
	}
	if req.URL.Query().Get("statusOnly") == "true" {
		path += "?statusonly=true"
	}
	// A list of a service may be empty; one below a parent is there only with the parent.
	if _, known := sub.lists[path]; !known && strings.Count(path[strings.LastIndex(path, "/providers/"):], "/") > 3 {
		refuse(w, 404, "ParentResourceNotFound", "Failed to perform 'read' on resource(s), because the parent resource could not be found.")
		return
	}
	a.page(w, req, sub.lists[path])
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// actionOf is the permission that a path needs: names of resources stand between the types.
func actionOf(path string) string {
	i := strings.LastIndex(strings.ToLower(path), "providers/")
	parts := strings.Split(path[i+len("providers/"):], "/")
	action := parts[0]
	for j := 1; j < len(parts); j += 2 {
		action += "/" + parts[j]
	}
	return action + "/read"
}

func (s *Subscription) allows(action string) bool {
	match := func(patterns []string) bool {
		for _, p := range patterns {
			if before, after, wild := strings.Cut(strings.ToLower(p), "*"); wild {
				if low := strings.ToLower(action); strings.HasPrefix(low, before) && strings.HasSuffix(low, after) {
					return true
				}
			} else if strings.EqualFold(p, action) {
				return true
			}
		}
		return false
	}
	return match(s.Actions) && !match(s.NotActions)
}

// page serves a part of a list, and where the next one is.
func (a *Azure) page(w http.ResponseWriter, req *http.Request, list []json.RawMessage) {
	offset, _ := strconv.Atoi(req.URL.Query().Get("$skiptoken")) // nothing is the beginning
	size := a.PageSize
	if size == 0 {
		size = 3
	}
	offset = min(max(offset, 0), len(list))
	end := min(offset+size, len(list))
	answer := map[string]any{"value": append([]json.RawMessage{}, list[offset:end]...)}
	if end < len(list) {
		query := req.URL.Query()
		query.Set("$skiptoken", strconv.Itoa(end))
		answer["nextLink"] = (&url.URL{Scheme: "https", Host: req.Host, Path: req.URL.Path, RawQuery: query.Encode()}).String()
	}
	write(w, 200, answer)
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(encode(v)) // whoever asked may be gone
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	write(w, status, map[string]any{"error": map[string]any{"code": code, "message": message}})
}

// grace is how much longer a token is taken than it says, for what is under way when it ends.
const grace = 5 * time.Second

// newToken is a JWT without a signature that is worth the name.
func (a *Azure) newToken() (string, time.Duration) {
	life := a.TokenLife
	if life == 0 {
		life = time.Hour
	}
	part := func(v any) string { return base64.RawURLEncoding.EncodeToString(encode(v)) }
	var nonce [12]byte
	_, _ = rand.Read(nonce[:]) // never fails
	token := part(map[string]any{"alg": "none", "typ": "JWT"}) + "." +
		part(map[string]any{"tid": a.Tenant, "oid": a.Principal, "appid": a.Client, "nonce": nonce[:]}) + ".x"
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens[token] = time.Now().Add(life + grace)
	return token, life
}

func (a *Azure) signedIn(req *http.Request) bool {
	token, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	a.mu.Lock()
	defer a.mu.Unlock()
	until, known := a.tokens[token]
	return ok && known && time.Now().Before(until)
}

// Revoke makes every token useless.
func (a *Azure) Revoke() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.tokens)
}

// Subscriptions are all that there are.
func (a *Azure) Subscriptions() []*Subscription {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]*Subscription(nil), a.subs...)
}
