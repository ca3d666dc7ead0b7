package aws

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"maestro.internal/sdk/plugintest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/serve"
)

var (
	update = flag.Bool("update", false, "write golden files anew")
	// To record: start moto with MOTO_EC2_LOAD_DEFAULT_AMIS=false, seed it by SEED_REGIONS=eu-west-1 test/e2e/aws/seed.py,
	// then go test -run TestTranslation -record URL -update.
	record = flag.String("record", "", "address of a seeded emulator whose answers are recorded")
)

func TestMain(m *testing.M) { plugintest.Main(m, func() provider.Provider { return New() }) }

const recorded = "testdata/answers.json"

// reply is one that AWS, or what speaks like it, gave once.
type reply struct {
	Status int    `json:"status"`
	Type   string `json:"type"`
	Body   string `json:"body"`
}

// question is what a request asks, without signature and time.
type question struct {
	service, operation, key string
	account                 string // of the access key, for roles that were assumed
	region                  string
	body                    string
}

var scopeOf = regexp.MustCompile(`Credential=([^/]+)/[0-9]+/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request`)

func questionOf(r *http.Request, body []byte) question {
	q := question{body: string(body)}
	if m := scopeOf.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		q.account, q.region, q.service = m[1], m[2], m[3]
	}
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		_, q.operation, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	case strings.Contains(r.Header.Get("Content-Type"), "form-urlencoded"):
		if m := regexp.MustCompile(`(?:^|&)Action=([A-Za-z0-9]+)`).FindSubmatch(body); m != nil {
			q.operation = string(m[1])
		}
	default:
		q.operation = r.Method + " " + r.URL.Path
	}
	sum := sha256.Sum256(append([]byte(r.URL.RequestURI()+"\n"), body...))
	q.key = q.service + " " + q.region + " " + q.operation + " " + hex.EncodeToString(sum[:4])
	return q
}

// fake is AWS: it gives recorded answers, unless intercept gives another.
type fake struct {
	*httptest.Server
	t *testing.T

	mu        sync.Mutex
	answers   map[string]reply
	asked     []question
	intercept func(question, http.ResponseWriter) bool
}

func startFake(t *testing.T, intercept func(question, http.ResponseWriter) bool) *fake {
	t.Helper()
	f := newFake(t, intercept)
	f.Start()
	t.Cleanup(f.Close)
	return f
}

// newFake is startFake for a server that somebody else starts.
func newFake(t *testing.T, intercept func(question, http.ResponseWriter) bool) *fake {
	t.Helper()
	f := &fake{t: t, answers: map[string]reply{}, intercept: intercept}
	if text, err := os.ReadFile(recorded); err == nil {
		if err := json.Unmarshal(text, &f.answers); err != nil {
			t.Fatal(err)
		}
	} else if *record == "" {
		t.Fatal(err)
	}
	if *record != "" {
		f.answers = map[string]reply{}
	}
	f.Server = httptest.NewUnstartedServer(f)
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	q := questionOf(r, body)
	f.mu.Lock()
	f.asked = append(f.asked, q)
	a, ok := f.answers[q.key]
	f.mu.Unlock()
	if f.intercept != nil && f.intercept(q, w) {
		return
	}
	if *record != "" {
		a, ok = f.record(r, body, q), true
	}
	if !ok {
		f.t.Errorf("not recorded: %s %s", q.key, q.body)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", a.Type)
	w.Header().Set("X-Amz-Crc32", strconv.Itoa(int(crc32.ChecksumIEEE([]byte(a.Body))))) // DynamoDB's
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, a.Body)
}

func (f *fake) record(r *http.Request, body []byte, q question) reply {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, *record+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		f.t.Error(err)
		return reply{}
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Error(err)
		return reply{}
	}
	text, err := io.ReadAll(resp.Body)
	if err := firstOf(err, resp.Body.Close()); err != nil {
		f.t.Error(err)
	}
	a := reply{Status: resp.StatusCode, Type: resp.Header.Get("Content-Type"), Body: string(text)}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[q.key] = a
	return a
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// save keeps what was recorded.
func (f *fake) save() {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, err := json.MarshalIndent(f.answers, "", " ")
	if err == nil {
		err = os.WriteFile(recorded, text, 0o644)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// count is how often an operation was asked for.
func (f *fake) count(operation string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, q := range f.asked {
		if q.operation == operation {
			n++
		}
	}
	return n
}

// settings of a connection to the fake.
func (f *fake) settings(more map[string]any) json.RawMessage {
	all := map[string]any{"endpoint": f.URL, "regions": []string{"eu-west-1"}}
	maps.Copy(all, more)
	text, err := json.Marshal(all)
	if err != nil {
		f.t.Fatal(err)
	}
	return text
}

const testSecret = "wJalrXUtnFEMI-secret-of-the-test"

func credentials() map[string]string {
	return map[string]string{"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": testSecret}
}

func credential(t *testing.T) {
	for name, value := range credentials() {
		t.Setenv(name, value)
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("HOME", t.TempDir())
}

// collected is what a Discover call yields.
type collected struct {
	plan      provider.Plan
	resources map[string]resource.Envelope // by kind and external id
	outcomes  map[string]resource.Outcome
}

func (c *collected) Resources(_ int, batch []resource.Envelope) error {
	for _, env := range batch {
		c.resources[env.Kind+" "+env.ExternalID] = env
	}
	return nil
}
func (c *collected) Progress(int, int, int) error { return nil }
func (c *collected) ScopeDone(i int, out resource.Outcome) error {
	c.outcomes[c.plan.Scopes[i].Key()] = out
	return nil
}

func discover(t *testing.T, settings json.RawMessage, kinds ...string) *collected {
	t.Helper()
	p, conn := serve.Local(New()), provider.Connection{ID: "test", Settings: settings}
	if len(kinds) == 0 {
		for _, k := range kindSupport() {
			kinds = append(kinds, k.Kind)
		}
	}
	plan, err := p.Plan(t.Context(), conn, kinds)
	if err != nil {
		t.Fatal(err)
	}
	c := &collected{plan: plan, resources: map[string]resource.Envelope{}, outcomes: map[string]resource.Outcome{}}
	if err := p.Discover(t.Context(), conn, plan.Scopes, c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTranslation reads recorded answers and compares what becomes of them with golden files, one for each list.
func TestTranslation(t *testing.T) {
	credential(t)
	f := startFake(t, nil)
	c := discover(t, f.settings(nil))
	if *record != "" {
		f.save()
	}
	byList := map[string][]resource.Envelope{}
	for _, key := range slices.Sorted(maps.Keys(c.resources)) {
		env := c.resources[key]
		name := env.Kind
		if service, ok := env.Partition.Get(labelService); ok {
			name += "." + service
		}
		byList[name] = append(byList[name], env)
	}
	for _, s := range c.plan.Scopes {
		if out := c.outcomes[s.Key()]; out.Status != resource.StatusComplete || len(out.Warnings) > 0 {
			t.Errorf("%s: %+v", s.Key(), out)
		}
		name := s.Kind
		if service, ok := s.Partition.Get(labelService); ok {
			name += "." + service
		}
		t.Run(name, func(t *testing.T) { golden(t, name, byList[name]) })
	}
}

// TestRelations wants every edge to be one that the kind knows, from either end, so that filters can follow it.
func TestRelations(t *testing.T) {
	credential(t)
	c := discover(t, startFake(t, nil).settings(nil))
	known := map[string]bool{}
	for _, k := range schema.Builtin() {
		for _, r := range k.Relations {
			if r.Direction == "out" {
				known[k.Name+" "+r.Verb+" "+r.Target] = true
			} else {
				known[r.Target+" "+r.Verb+" "+k.Name] = true
			}
		}
	}
	for _, env := range c.resources {
		for _, r := range env.Relations {
			if edge := env.Kind + " " + r.Verb + " " + r.Kind; !known[edge] {
				t.Errorf("no kind knows the relation %s", edge)
			}
		}
	}
}

func golden(t *testing.T, name string, got []resource.Envelope) {
	t.Helper()
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	type shown struct {
		resource.Envelope
		Volatile json.RawMessage `json:"volatile,omitempty"`
	}
	for _, env := range got {
		slices.SortFunc(env.Tags, func(a, b resource.Tag) int { return strings.Compare(a.Key, b.Key) })
		if err := enc.Encode(shown{env, env.Volatile}); err != nil {
			t.Fatal(err)
		}
	}
	path := "testdata/golden/" + name + ".json"
	if *update {
		if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) == 0 {
		t.Error("nothing was recorded for this list")
	}
	if !bytes.Equal(want, text.Bytes()) {
		t.Errorf("differs from %s:\n%s", path, text.Bytes())
	}
}

// TestConformance runs the suite that every plugin must pass, in this process and as one of its own.
func TestConformance(t *testing.T) {
	if *record != "" {
		t.Skip("recording")
	}
	f := startFake(t, choosing)
	least := map[string]int{}
	for _, k := range kindSupport() {
		least[k.Kind] = 1
	}
	plugintest.RunProvider(t, func() provider.Provider { return New() }, plugintest.Case{
		Connection: provider.Connection{Settings: f.settings(nil)}, Env: credentials(), MinResources: least, Timeout: time.Minute,
		BadSettings: []json.RawMessage{
			json.RawMessage(`{"endpoint":"not an address"}`), json.RawMessage(`{"regions":["["]}`), json.RawMessage(`{"accounts":["12"]}`), json.RawMessage(`{"skip_services":["fax"]}`),
		},
	})
}

// xmlError is how the query protocols refuse.
func xmlError(w http.ResponseWriter, status int, code, message string) bool {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><Error><Code>%s</Code><Message>%s</Message></Error></Response>`, code, message, code, message)
	return true
}

// jsonError is how the JSON protocols refuse.
func jsonError(w http.ResponseWriter, status int, code, message string) bool {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"__type":%q,"message":%q}`, code, message)
	return true
}
