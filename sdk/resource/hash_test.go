package resource_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"maestro.internal/sdk/resource"
)

func TestDigestIsOfASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(hash(), 0, 20).Draw(t, "rows")
		var forth, back resource.Digest
		for _, r := range rows {
			forth.Add(r)
		}
		for _, r := range slices.Backward(rows) {
			back.Add(r)
		}
		if forth != back {
			t.Fatalf("order matters: %v, %v", forth, back)
		}
		read, err := resource.DigestFromBytes(forth.Bytes(), forth.Count)
		if err != nil || !read.Equal(forth) {
			t.Fatalf("read back %v, %v", read, err)
		}
		for _, r := range rows {
			forth.Remove(r)
		}
		if forth != (resource.Digest{}) {
			t.Fatalf("taking every row out leaves %v", forth)
		}
	})
}

func TestDigestCarries(t *testing.T) {
	var ones, one resource.Hash
	for i := range ones {
		ones[i] = 0xff
	}
	one[31] = 1
	d := resource.Digest{Sum: ones, Count: 1}
	d.Add(one)
	if !d.Sum.IsZero() || d.Count != 2 {
		t.Fatalf("2^256 - 1 + 1 = %v", d)
	}
	d.Remove(one)
	if d.Sum != ones {
		t.Fatalf("0 - 1 = %v", d)
	}
}

// TestFixedValues pins the format: a change here is a new HashFormat.
func TestFixedValues(t *testing.T) {
	b, err := resource.Canonical(resource.Envelope{Kind: "server", Major: 1, ExternalID: "vm-1",
		Attributes: json.RawMessage(`{"b": 1.0, "a": "\u0041"}`)})
	if err != nil {
		t.Fatal(err)
	}
	h := resource.HashOf(b)
	row := resource.RowHash("vm-1", h)
	var d resource.Digest
	d.AddRow("vm-1", h)
	root := resource.Root([]resource.ScopeState{{Scope: resource.Scope{Kind: "server"},
		Status: resource.StatusComplete, Digest: d, Fingerprint: []byte{1}, HashFormat: resource.HashFormat,
		KindDigest: []byte{2}, PolicyDigest: []byte{3}}}, true)
	got := strings.Join([]string{string(b), h.String(), row.String(), root.String()}, "\n")
	want := strings.Join([]string{
		`{"attributes":{"a":"A","b":1},"external_id":"vm-1","kind":"server","major":1}`,
		`b83e81df5a0ded437fea140b209eb3f6f79d16a432db40e8c17d03ce11979782`,
		`f91d3ab12f8dd68ef1652753db5ffc3a4b116cf802c85211aaacb5a09285ced1`,
		`e49f56cf8c0bd6d4fafdb37afcf5983fe8e6b2f788efb28f4e65e731fdf4bed9`,
	}, "\n")
	if got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}

func TestHashText(t *testing.T) {
	h := resource.HashOf([]byte("x"))
	b, err := json.Marshal(map[string]resource.Hash{"h": h})
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]resource.Hash
	if err := json.Unmarshal(b, &back); err != nil || back["h"] != h {
		t.Fatalf("%s read as %v, %v", b, back, err)
	}
	for _, bad := range []string{"", "ab", strings.ToUpper(h.String()), strings.Repeat("g", 64)} {
		if _, err := resource.ParseHash(bad); err == nil {
			t.Errorf("hash %q is accepted", bad)
		}
	}
	if _, err := resource.HashFromBytes(make([]byte, 31)); err == nil {
		t.Error("31 bytes are accepted")
	}
	if _, err := resource.DigestFromBytes(make([]byte, 32), -1); err == nil {
		t.Error("a negative count is accepted")
	}
}

func TestRootSeesEverything(t *testing.T) {
	states := func() []resource.ScopeState {
		return []resource.ScopeState{
			{Scope: resource.Scope{Kind: "server"}, Status: resource.StatusComplete, Fingerprint: []byte("f"),
				HashFormat: 1, KindDigest: []byte("k"), PolicyDigest: []byte("p")},
			{Scope: resource.Scope{Kind: "volume"}, Status: resource.StatusComplete},
		}
	}
	base := resource.Root(states(), true)
	reversed := states()
	slices.Reverse(reversed)
	if resource.Root(reversed, true) != base {
		t.Error("the order of scopes matters")
	}
	changes := map[string]func([]resource.ScopeState) []resource.ScopeState{
		"scope": func(s []resource.ScopeState) []resource.ScopeState { s[0].Scope.Kind = "image"; return s },
		"partition": func(s []resource.ScopeState) []resource.ScopeState {
			s[0].Scope.Partition = resource.Partition{{Key: "a"}}
			return s
		},
		"status": func(s []resource.ScopeState) []resource.ScopeState { s[0].Status = resource.StatusPartial; return s },
		"sum":    func(s []resource.ScopeState) []resource.ScopeState { s[0].Digest.Sum[3] = 1; return s },
		"count":  func(s []resource.ScopeState) []resource.ScopeState { s[0].Digest.Count = 1; return s },
		"fingerprint": func(s []resource.ScopeState) []resource.ScopeState {
			s[0].Fingerprint = []byte("fk")
			s[0].KindDigest = nil
			return s
		},
		"hash format": func(s []resource.ScopeState) []resource.ScopeState { s[0].HashFormat = 2; return s },
		"kind digest": func(s []resource.ScopeState) []resource.ScopeState { s[0].KindDigest = []byte("x"); return s },
		"policy":      func(s []resource.ScopeState) []resource.ScopeState { s[0].PolicyDigest = []byte("x"); return s },
		"fewer":       func(s []resource.ScopeState) []resource.ScopeState { return s[:1] },
	}
	for name, change := range changes {
		if resource.Root(change(states()), true) == base {
			t.Errorf("root does not see a changed %s", name)
		}
	}
	if resource.Root(states(), false) == base {
		t.Error("root does not see that the plan is incomplete")
	}
}

func TestScopeKey(t *testing.T) {
	tests := []struct {
		scope resource.Scope
		key   string
	}{
		{resource.Scope{Kind: "server"}, "server"},
		{resource.Scope{Kind: "server", Partition: resource.Partition{{Key: "account", Value: "123"}, {Key: "region", Value: "eu-west-2"}}},
			"server{account=123,region=eu-west-2}"},
		{resource.Scope{Kind: "server", Partition: resource.Partition{{Key: "dc", Value: "Köln, {1}=100%\n"}}},
			"server{dc=Köln%2C %7B1%7D%3D100%25%0A}"},
		{resource.Scope{Kind: "server", Partition: resource.Partition{{Key: "dc", Value: ""}}}, "server{dc=}"},
	}
	for _, tt := range tests {
		if got := tt.scope.Key(); got != tt.key {
			t.Errorf("got %s, want %s", got, tt.key)
		}
	}
	for _, bad := range []string{"server{}", "server{a}", "server{a=b", "server{a=%2}", "server{a=%zz}", "server{a=%41}", "server{a=b}x", "server}"} {
		if s, err := resource.ParseScopeKey(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, s)
		}
	}
}

func TestScopeKeyReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.Custom(func(t *rapid.T) resource.Label {
			return resource.Label{
				Key:   string(rapid.SliceOfN(rapid.Byte(), 0, 6).Draw(t, "key")),
				Value: rapid.String().Draw(t, "value"),
			}
		})
		s := resource.Scope{Kind: rapid.String().Draw(t, "kind"), Partition: rapid.SliceOfN(label, 0, 3).Draw(t, "partition")}
		got, err := resource.ParseScopeKey(s.Key())
		if err != nil || !got.Equal(s) {
			t.Fatalf("%q is read as %+v, %v", s.Key(), got, err)
		}
	})
}

func FuzzParseScopeKey(f *testing.F) {
	f.Add("server{account=123,region=eu-west-2}")
	f.Fuzz(func(t *testing.T, key string) {
		if s, err := resource.ParseScopeKey(key); err == nil && s.Key() != key {
			t.Fatalf("%q is read and written %q", key, s.Key())
		}
	})
}

func hash() *rapid.Generator[resource.Hash] {
	return rapid.Map(rapid.SliceOfN(rapid.Byte(), 32, 32), func(b []byte) resource.Hash { return resource.Hash(b) })
}
