// Package policy applies the site's own rules to what may leave it: kinds, fields, tags and identifiers are dropped,
// masked or replaced by a keyed hash. The file belongs to the site; the collector cannot read or change it. It acts
// before anything is hashed, spooled or sent, and every resource says which of its fields were withheld.
package policy

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"maestro.internal/internal/config"
	"maestro.internal/sdk/resource"
)

// Action says what happens to a value.
type Action string

// The actions. Only texts can be masked or hashed; other values are dropped by them, since a kind's schema gives
// every field a type.
const (
	Drop Action = "drop"
	Mask Action = "mask"
	Hash Action = "hash"
)

// mask stands for a text that may not leave.
const mask = "(withheld)"

// File is the policy file.
type File struct {
	Rules []Rule `yaml:"rules" json:"rules"`
}

// Rule withholds one thing. Of field, tag and identifier at most one is set; with none of them the rule drops whole
// kinds.
type Rule struct {
	Action Action `yaml:"action" json:"action"`
	// Kind is a kind's name; "*" stands for any part. Empty means every kind.
	Kind string `yaml:"kind" json:"kind,omitempty"`
	// Field is a JSON pointer into the resource: /name, /console_url, /attributes/guest/hostname. "*" stands for every
	// element of an array or member of an object.
	Field string `yaml:"field" json:"field,omitempty"`
	// Tag is the key of a tag; "*" stands for any part.
	Tag string `yaml:"tag" json:"tag,omitempty"`
	// Identifier is a type of identifier: "mac".
	Identifier string `yaml:"identifier" json:"identifier,omitempty"`
}

// Policy is a loaded policy. A nil Policy withholds nothing.
type Policy struct {
	rules  []Rule
	key    []byte
	digest []byte
}

// Load reads the file. keyFile holds the key of keyed hashes; it is made when a rule needs it and it is not there. An
// empty file name is no policy.
func Load(file, keyFile string) (*Policy, error) {
	if file == "" {
		return nil, nil
	}
	var f File
	if err := config.DecodeFile(file, &f); err != nil {
		return nil, fmt.Errorf("load policy: %w", err)
	}
	for i, r := range f.Rules {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("load policy: %s: rule %d: %w", file, i+1, err)
		}
	}
	var key []byte
	if slices.ContainsFunc(f.Rules, func(r Rule) bool { return r.Action == Hash }) {
		var err error
		if key, err = loadKey(keyFile); err != nil {
			return nil, fmt.Errorf("load policy: %w", err)
		}
	}
	return New(f.Rules, key)
}

// New makes a policy of rules that were checked.
func New(rules []Rule, key []byte) (*Policy, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(rules)
	if err != nil {
		return nil, fmt.Errorf("digest policy: %w", err)
	}
	// Another key makes other hashes, so it is another policy.
	h := sha256.New()
	h.Write(b)
	if len(key) > 0 {
		id := sha256.Sum256(append([]byte("maestro policy key\x00"), key...))
		h.Write(id[:])
	}
	return &Policy{rules: rules, key: key, digest: h.Sum(nil)}, nil
}

func loadKey(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err == nil {
		key, err := hex.DecodeString(strings.TrimSpace(string(b)))
		if err != nil || len(key) < 16 {
			return nil, fmt.Errorf("read key %s: want at least 32 hex digits", file)
		}
		return key, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read key: %w", err)
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	if err := os.WriteFile(file, []byte(hex.EncodeToString(key)+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return key, nil
}

// fields of the envelope that a rule may name beside attributes. Without the others it would be no resource.
var plainFields = []string{"/name", "/region", "/zone", "/console_url", "/tags", "/identifiers", "/relations"}

func (r Rule) check() error {
	set := 0
	for _, part := range []string{r.Field, r.Tag, r.Identifier} {
		if part != "" {
			set++
		}
	}
	switch {
	case r.Action != Drop && r.Action != Mask && r.Action != Hash:
		return fmt.Errorf("action %q: want drop, mask or hash", r.Action)
	case set > 1:
		return errors.New("want at most one of field, tag, identifier")
	case set == 0 && r.Action != Drop:
		return fmt.Errorf("a whole kind can only be dropped, not %s", r.Action)
	case set == 0 && (r.Kind == "" || r.Kind == "*"):
		return errors.New("it would drop everything; name a kind")
	case r.Identifier != "" && r.Action == Mask:
		return errors.New("an identifier cannot be masked: all masked ones would be the same thing")
	case r.Field != "" && !strings.HasPrefix(r.Field, "/attributes/") && !slices.Contains(plainFields, r.Field):
		return fmt.Errorf("field %q: want /attributes/... or one of %s", r.Field, strings.Join(plainFields, ", "))
	}
	for _, pattern := range []string{r.Kind, r.Tag} {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	return nil
}

func (r Rule) concerns(kind string) bool { return r.Kind == "" || match(r.Kind, kind) }

func match(pattern, s string) bool {
	ok, err := path.Match(pattern, s)
	return err == nil && ok
}

// Digest is over the rules and the key; nil without a policy.
func (p *Policy) Digest() []byte {
	if p == nil {
		return nil
	}
	return p.digest
}

// Summary tells the rules in words.
func (p *Policy) Summary() []string {
	if p == nil {
		return nil
	}
	var out []string
	for _, r := range p.rules {
		kind := "every kind"
		if r.Kind != "" && r.Kind != "*" {
			kind = r.Kind
		}
		verb := map[Action]string{Drop: "is dropped", Mask: "is masked", Hash: "leaves as a keyed hash"}[r.Action]
		what := "kind " + kind
		switch {
		case r.Field != "":
			what = fmt.Sprintf("field %s of %s", r.Field, kind)
		case r.Tag != "":
			what = fmt.Sprintf("tag %s of %s", r.Tag, kind)
		case r.Identifier != "":
			what = fmt.Sprintf("identifier %s of %s", r.Identifier, kind)
		}
		out = append(out, what+" "+verb)
	}
	return out
}

// DropsKind says whether a kind may not leave at all.
func (p *Policy) DropsKind(kind string) bool {
	return p != nil && slices.ContainsFunc(p.rules, func(r Rule) bool {
		return r.Field == "" && r.Tag == "" && r.Identifier == "" && r.concerns(kind)
	})
}

// DropRules are the rules that take something away of a kind, for its coverage fingerprint.
func (p *Policy) DropRules(kind string) ([]byte, error) {
	if p == nil {
		return nil, nil
	}
	var out []Rule
	for _, r := range p.rules {
		if r.Action == Drop && r.concerns(kind) {
			out = append(out, r)
		}
	}
	if out == nil {
		return nil, nil
	}
	return json.Marshal(out)
}

// Apply withholds what the rules say and notes the pointers in env.Withheld.
func (p *Policy) Apply(env *resource.Envelope) error {
	if p == nil {
		return nil
	}
	w := &withholder{policy: p, env: env}
	for _, r := range p.rules {
		if !r.concerns(env.Kind) {
			continue
		}
		switch {
		case r.Tag != "":
			w.tags(r.Action, r.Tag)
		case r.Identifier != "":
			w.identifiers(r.Action, r.Identifier)
		case strings.HasPrefix(r.Field, "/attributes/"):
			if err := w.attribute(r); err != nil {
				return err
			}
		case r.Field != "":
			w.field(r.Action, r.Field)
		}
	}
	return w.close()
}

// hash is keyed, so that equal values stay equal inside the site and nobody outside can try values out.
func (p *Policy) hash(value string) string {
	m := hmac.New(sha256.New, p.key)
	m.Write([]byte(value))
	return "hmac:" + hex.EncodeToString(m.Sum(nil)[:16])
}
