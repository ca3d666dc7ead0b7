package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// Shelf is a whole plugin: it reads the boxes of a small HTTP API, page by page.
type Shelf struct{}

// Describe says what the plugin is. The kind is its own, so it brings the schema.
func (Shelf) Describe() provider.Description {
	return provider.Description{
		Provider: "shelf", Version: "1.0.0", Title: "Shelf", Summary: "Boxes on a shelf.",
		Kinds: []provider.KindSupport{{Kind: "shelf.box", Major: 1, Permissions: []string{"boxes:list"},
			Schema: json.RawMessage(`{"type":"object","properties":{"weight_grams":{"type":"integer","x-maestro-unit":"grams"}}}`)}},
		Settings: json.RawMessage(`{"type":"object","required":["url"],"additionalProperties":false,
			"properties":{"url":{"type":"string","format":"uri"}}}`),
		Limits: []provider.Limit{{Name: "api", PerSecond: 20, Burst: 5, MaxConcurrent: 2}},
	}
}

// Connect is called once for each call of the agent.
func (Shelf) Connect(_ context.Context, conn provider.Connection) (provider.Session, error) {
	s := &session{}
	if err := json.Unmarshal(conn.Settings, s); err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	return s, nil
}

type session struct {
	URL string `json:"url"`
}

type box struct {
	ID, Name string
	Grams    int
}

// Discover reads one scope: list, translate, emit. Returning nil states that every box was seen.
func (s *session) Discover(ctx context.Context, _ resource.Scope, out provider.Emitter) error {
	for page := 1; page > 0; {
		var answer struct {
			Boxes []box
			Next  int
		}
		err := out.Call(ctx, "api", func(ctx context.Context) error { return s.get(ctx, page, &answer) })
		if err != nil {
			return err
		}
		out.Page()
		for _, b := range answer.Boxes {
			attributes, err := json.Marshal(map[string]any{"weight_grams": b.Grams})
			if err != nil {
				return fmt.Errorf("translate box %s: %w", b.ID, err)
			}
			if err := out.Emit(ctx, resource.Envelope{ExternalID: b.ID, Name: b.Name, Attributes: attributes}); err != nil {
				return err
			}
		}
		page = answer.Next
	}
	return nil
}

// get makes one request and gives its error a class, which decides about repeating and the outcome.
func (s *session) get(ctx context.Context, page int, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/boxes?page=%d", s.URL, page), nil)
	if err != nil {
		return provider.Permanent(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return provider.Unreachable(err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusForbidden:
		return provider.Denied(errors.New(resp.Status), "grant boxes:list")
	case resp.StatusCode == http.StatusTooManyRequests:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return provider.Throttled(errors.New(resp.Status), time.Duration(seconds)*time.Second)
	case resp.StatusCode >= 500:
		return provider.Unreachable(errors.New(resp.Status))
	case resp.StatusCode != http.StatusOK:
		return provider.Permanent(errors.New(resp.Status))
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// printer is a sink that prints.
type printer struct{}

func (printer) Resources(_ int, batch []resource.Envelope) error {
	for _, env := range batch {
		fmt.Println(env.Kind, env.ExternalID, env.Name, string(env.Attributes))
	}
	return nil
}
func (printer) Progress(int, int, int) error { return nil }
func (printer) ScopeDone(_ int, out resource.Outcome) error {
	fmt.Println(out.Status, "listed", out.Listed, "pages", out.Pages, "retries", out.Retries)
	return nil
}

// A plugin's main is one line: serve.Provider(Shelf{}). Here it is run in this process instead.
func Example() {
	asked := 0
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked++; asked {
		case 1:
			fmt.Fprint(w, `{"Boxes":[{"ID":"b1","Name":"Apples","Grams":900}],"Next":2}`)
		case 2:
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			fmt.Fprint(w, `{"Boxes":[{"ID":"b2","Name":"Pears","Grams":1100}]}`)
		}
	}))
	defer api.Close()
	defer http.DefaultClient.CloseIdleConnections()

	plugin := serve.Local(Shelf{})
	conn := provider.Connection{Settings: json.RawMessage(`{"url":"` + api.URL + `"}`)}
	plan, err := plugin.Plan(context.Background(), conn, []string{"shelf.box"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := plugin.Discover(context.Background(), conn, plan.Scopes, printer{}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// shelf.box b1 Apples {"weight_grams":900}
	// shelf.box b2 Pears {"weight_grams":1100}
	// complete listed 2 pages 2 retries 1
}
