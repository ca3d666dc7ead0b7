// Package blobtest is what every implementation of blob.Store has to pass.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"maestro.internal/collector/internal/blob"
)

// Run tries a store that is empty.
func Run(t *testing.T, s blob.Store) {
	t.Helper()
	ctx := context.Background()
	id := func() string {
		t.Helper()
		text, err := blob.NewID()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	absent := func(tenant, id string) {
		t.Helper()
		if b, err := s.Get(ctx, tenant, id); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("get %s of %s: %d bytes, %v; want ErrNotFound", id, tenant, len(b), err)
		}
	}
	present := func(tenant, id string, want []byte) {
		t.Helper()
		if b, err := s.Get(ctx, tenant, id); err != nil || !bytes.Equal(b, want) {
			t.Errorf("get %s of %s: %d bytes, %v; want %d bytes", id, tenant, len(b), err, len(want))
		}
	}
	put := func(tenant, id string, content []byte) {
		t.Helper()
		if err := s.Put(ctx, tenant, blob.Content{ID: id, Bytes: content}); err != nil {
			t.Fatalf("put: %v", err)
		}
	}
	drop := func(tenant, id string) {
		t.Helper()
		if err := s.Delete(ctx, tenant, id); err != nil {
			t.Fatalf("delete: %v", err)
		}
	}

	t.Run("a content is kept, the same again is fine, and it goes", func(t *testing.T) {
		a, content := id(), []byte("a\x00\xff\r\n<script>")
		absent("default", a)
		put("default", a, content)
		put("default", a, content)
		present("default", a, content)
		drop("default", a)
		drop("default", a)
		absent("default", a)
	})
	t.Run("the largest, one byte more, and nothing at all", func(t *testing.T) {
		a, b, most := id(), id(), bytes.Repeat([]byte{7}, blob.MaxContent)
		put("default", a, most)
		present("default", a, most)
		if err := s.Put(ctx, "default", blob.Content{ID: b, Bytes: append(most, 1)}); !errors.Is(err, blob.ErrTooLarge) {
			t.Errorf("too large: %v", err)
		}
		absent("default", b)
		put("default", b, nil)
		present("default", b, nil)
	})
	t.Run("tenants are apart, whatever they are called", func(t *testing.T) {
		a := id()
		tenants := []string{"default", "other", "Other", "../default", "..", "a/b", `a\b`, "_x", "ä", strings.Repeat("x", 300), ""}
		for _, tenant := range tenants {
			absent(tenant, a)
			put(tenant, a, []byte(tenant+"!"))
		}
		for _, tenant := range tenants {
			present(tenant, a, []byte(tenant+"!"))
		}
		drop("other", a)
		absent("other", a)
		present("Other", a, []byte("Other!"))
	})
	t.Run("what is no id of ours is refused and finds nothing", func(t *testing.T) {
		for _, bad := range []string{"", ".", "..", "../../etc/passwd", "/etc/passwd", "a/../b", strings.Repeat("A", 32), strings.Repeat("a", 31), strings.Repeat("a", 33), strings.Repeat("a", 31) + "\n"} {
			if err := s.Put(ctx, "default", blob.Content{ID: id(), Bytes: []byte("x")}, blob.Content{ID: bad, Bytes: []byte("x")}); !errors.Is(err, blob.ErrBadID) {
				t.Errorf("put %q: %v", bad, err)
			}
			absent("default", bad)
			drop("default", bad)
		}
	})
	t.Run("many in one call, of more than one write", func(t *testing.T) {
		var (
			all []blob.Content
			ids []string
		)
		for i := range 20 {
			all = append(all, blob.Content{ID: id(), Bytes: bytes.Repeat([]byte{byte(i)}, i*blob.MaxContent/19)})
			ids = append(ids, all[i].ID)
		}
		if err := s.Put(ctx, "default", all...); err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			present("default", c.ID, c.Bytes)
		}
		if err := s.Delete(ctx, "default", append([]string{"../x", id()}, ids[1:]...)...); err != nil {
			t.Fatal(err)
		}
		present("default", ids[0], nil)
		for _, gone := range ids[1:] {
			absent("default", gone)
		}
		if err := errors.Join(s.Put(ctx, "default"), s.Delete(ctx, "default")); err != nil {
			t.Errorf("nothing at all: %v", err)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		var all sync.WaitGroup
		for i := range 16 {
			a, content := id(), bytes.Repeat([]byte{byte(i)}, 1000)
			all.Go(func() {
				err := s.Put(ctx, "default", blob.Content{ID: a, Bytes: content})
				got, gotErr := s.Get(ctx, "default", a)
				if err != nil || gotErr != nil || !bytes.Equal(got, content) {
					t.Errorf("content %d: %v, %v", i, err, gotErr)
				}
			})
		}
		all.Wait()
	})
}
