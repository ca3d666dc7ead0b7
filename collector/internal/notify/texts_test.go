package notify

import (
	goflag "flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/words"
	"maestro.internal/internal/rest"
)

var update = goflag.Bool("update", false, "write the letters of testdata anew")

// notices are of every event, with one thing and with many.
func notices() map[string]*notice {
	at := time.Date(2026, 11, 22, 9, 5, 0, 0, time.UTC)
	day := "2026-12-24T00:00:00Z"
	item := func(kind, name, action, detail string) rest.NotificationItem {
		return rest.NotificationItem{ID: "8f0c", Kind: kind, Name: name, Action: action, Detail: detail, At: at}
	}
	of := func(event string, items ...rest.NotificationItem) *notice {
		n := &notice{Event: event, SubscriptionName: "Produção", At: store.At(at)}
		for _, it := range items {
			n.add(it)
		}
		return n
	}
	many := of(rest.EventResources, item("server", "web-1\r\nBcc: x@example.org", "created", ""), item("server", "web-2", "gone", ""))
	for range 1299 {
		many.add(item("server", "web", "created", ""))
	}
	many.Items = many.Items[:3]
	return map[string]*notice{
		"test":              of("test"),
		"resources":         of(rest.EventResources, item("server", "web-1", "created", ""), item("volume", "data", "gone", "")),
		"resources-many":    many,
		"run":               of(rest.EventRuns, item("run", "vcenter-fra", "failed", "the vCenter does not answer")),
		"run-incomplete":    of(rest.EventRuns, item("run", "vcenter-fra", "partial", "")),
		"runs":              of(rest.EventRuns, item("run", "a", "failed", ""), item("run", "b", "partial", "")),
		"removal":           of(rest.EventRemovals, item("removal", "server", "held", "40 of 50")),
		"removals":          of(rest.EventRemovals, item("removal", "server", "held", "40 of 50"), item("removal", "volume", "held", "10 of 12")),
		"approval":          of(rest.EventApprovals, item("approval", "Remove 40 of 50 server of vcenter-fra", "asked", "")),
		"approval-expired":  of(rest.EventApprovals, item("approval", "Edit resources of kind server: 120", "expired", "nobody decided it in time")),
		"approvals":         of(rest.EventApprovals, item("approval", "Let in the kind rack of plugin dcim", "asked", ""), item("approval", "Edit resources of kind server: 120", "refused", "not now")),
		"agent":             of(rest.EventAgents, item("agent", "fra-1", "offline", "2026-11-22T08:00:00.123456Z")),
		"agents":            of(rest.EventAgents, item("agent", "fra-1", "online", ""), item("agent", "lon-1", "offline", "2026-11-22T08:00:00Z")),
		"certificate":       of(rest.EventCertificates, item("collector", "the web UI", "due", day)),
		"certificate-agent": of(rest.EventCertificates, item("agent", "fra-1", "due", day)),
		"certificates":      of(rest.EventCertificates, item("collector", "the web UI", "due", day), item("agent", "fra-1", "due", day)),
		"credential":        of(rest.EventCredentials, item("connection", "vcenter-fra", "due", day)),
		"credentials":       of(rest.EventCredentials, item("connection", "vcenter-fra", "due", day), item("connection", "aws", "due", day)),
		"date":              of(rest.EventDates, item("server", "web-1", "due", day)),
		"dates":             of(rest.EventDates, item("server", "web-1", "due", day), item("server", "web-2", "due", day)),
	}
}

// Every event is said in every language, with nothing left open; the letters are in testdata to be read.
func TestLetters(t *testing.T) {
	for _, in := range words.Languages {
		var all strings.Builder
		said := notices()
		for _, name := range slices.Sorted(maps.Keys(said)) {
			subject, body, err := letter(in, said[name], "Ana", "https://maestro.example/")
			must(t, err)
			if strings.Contains(subject+body, "<no value>") || strings.ContainsAny(subject, "\r\n") {
				t.Errorf("%s %s: %s", in, name, subject)
			}
			all.WriteString("=== " + name + "\nSubject: " + subject + "\n\n" + body + "\n")
		}
		path := filepath.Join("testdata", "letters."+string(in)+".txt")
		if *update {
			must(t, os.MkdirAll("testdata", 0o755))
			must(t, os.WriteFile(path, []byte(all.String()), 0o644))
		}
		want, err := os.ReadFile(path)
		must(t, err)
		if all.String() != string(want) {
			t.Errorf("%s: the letters are others; read them and run with -update:\n%s", in, all.String())
		}
	}
}

// A title of each event differs between the languages, so that none is left in English.
func TestTitlesAreInTheLanguage(t *testing.T) {
	for name, n := range notices() {
		en, err := n.title(words.English)
		must(t, err)
		pt, err := n.title(words.Portuguese)
		must(t, err)
		if en == pt {
			t.Errorf("%s: %q", name, en)
		}
		v, err := n.view("x", words.Portuguese)
		must(t, err)
		if v.Title != pt {
			t.Errorf("%s: %q, want %q", name, v.Title, pt)
		}
	}
}

func TestCredentialsThatAreDue(t *testing.T) {
	w := newWorld(t)
	day := 24 * time.Hour
	w.credentials = []Certificate{{ID: "vc", Kind: "connection", Name: "vcenter", NotAfter: w.now.Add(3 * day)}}
	w.subscribe(rest.EventCredentials, true)
	look := func(after time.Duration, want int) {
		t.Helper()
		w.now = w.now.Add(after)
		must(t, w.service.Tell(t.Context(), w))
		if got := w.told(); len(got) != want {
			t.Errorf("%q, want %d", got, want)
		}
	}
	look(2*day, 0)
	look(day, 1)
	look(day, 1)
	w.credentials[0].NotAfter = w.now.Add(90 * day) // it was rotated
	look(time.Hour, 1)
	look(90*day, 2)
}
