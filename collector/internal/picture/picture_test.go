package picture_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/blob"
	"maestro.internal/collector/internal/picture"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
)

type world struct {
	*picture.Service
	store    store.Store
	contents blob.Store
	log      *audit.Log
	now      time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	tables := append(append(picture.Tables(), audit.Tables()...), blob.Tables()...)
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "test.db"), Tables: tables})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w := &world{store: s, contents: blob.NewRows(s), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	w.log = audit.New(s, clock)
	w.Service = picture.New(picture.Options{Store: s, Contents: w.contents, Audit: w.log, Clock: clock})
	return w
}

var (
	anna = picture.Owner{Kind: picture.User, ID: "anna"}
	by   = picture.By{Tenant: "default", Name: "user:anna", Address: "192.0.2.1"}
)

// photo is red to the left, white in the middle and blue to the right.
func photo(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{255, 255, 255, 255}
			switch {
			case x < w/4:
				c = color.NRGBA{255, 0, 0, 255}
			case x >= w-w/4:
				c = color.NRGBA{0, 0, 255, 255}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

func file(t *testing.T, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t *testing.T, img image.Image) []byte {
	return file(t, func(b *bytes.Buffer) error { return png.Encode(b, img) })
}

func TestAPictureIsCutToTheMiddleAndDrawnAnew(t *testing.T) {
	w := newWorld(t)
	img := photo(800, 400)
	for name, content := range map[string][]byte{
		"png":  pngOf(t, img),
		"jpeg": file(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, img, nil) }),
		"gif":  file(t, func(b *bytes.Buffer) error { return gif.Encode(b, img, nil) }),
	} {
		content = append(content, "<script>alert(1)</script><?php evil() ?>"...) // what follows the picture's end
		p, err := w.Set(t.Context(), by, anna, "anna", picture.Face, content)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		kept, contentType, err := w.Read(t.Context(), "default", p.ID)
		if err != nil || contentType != "image/jpeg" {
			t.Fatalf("%s: %s, %v", name, contentType, err)
		}
		if bytes.Contains(kept, []byte("script")) || bytes.Contains(kept, []byte("php")) {
			t.Errorf("%s: something foreign is kept", name)
		}
		got, _, err := image.Decode(bytes.NewReader(kept))
		if err != nil || got.Bounds() != image.Rect(0, 0, 256, 256) {
			t.Fatalf("%s: %v, %v", name, got, err)
		}
		if r, g, b, _ := got.At(128, 128).RGBA(); r < 60000 || g < 60000 || b < 60000 {
			t.Errorf("%s: the middle is not white but %d %d %d", name, r, g, b)
		}
		if r, g, _, _ := got.At(2, 128).RGBA(); r < 40000 || g < 40000 {
			t.Errorf("%s: the red left is still there", name)
		}
	}
}

func TestWhatHasHolesKeepsThemAndWhatIsSmallStaysSo(t *testing.T) {
	w := newWorld(t)
	p, err := w.Set(t.Context(), by, picture.Owner{Kind: picture.Tenant, ID: "default"}, "default", picture.Logo, pngOf(t, image.NewNRGBA(image.Rect(0, 0, 960, 40))))
	if err != nil {
		t.Fatal(err)
	}
	kept, contentType, err := w.Read(t.Context(), "default", p.ID)
	if err != nil || contentType != "image/png" {
		t.Fatalf("%s, %v", contentType, err)
	}
	if c, err := png.DecodeConfig(bytes.NewReader(kept)); err != nil || c.Width != 480 || c.Height != 20 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestWhatIsNoPictureIsRefused(t *testing.T) {
	w := newWorld(t)
	whole := pngOf(t, photo(64, 64))
	for name, content := range map[string][]byte{
		"nothing":     nil,
		"text":        []byte("hello"),
		"svg":         []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`),
		"html":        []byte("<!doctype html><script>alert(1)</script>"),
		"half":        whole[:len(whole)/2],
		"only a head": whole[:20],
		"riff":        []byte("RIFF\x00\x00\x00\x00WEBPVP8 \xff\xff\xff\xff"),
	} {
		_, err := w.Set(t.Context(), by, anna, "anna", picture.Face, content)
		if invalid := new(picture.InvalidError); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, content := range map[string][]byte{
		"many bytes":  append(bytes.Clone(whole), make([]byte, picture.MaxBytes)...),
		"many pixels": huge(t, 60_000, 60_000),
		"long":        huge(t, 12_001, 1),
	} {
		_, err := w.Set(t.Context(), by, anna, "anna", picture.Face, content)
		if large := new(picture.TooLargeError); !errors.As(err, &large) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Of(t.Context(), "default", anna); !errors.Is(err, picture.ErrNotFound) {
		t.Errorf("something was kept: %v", err)
	}
}

// huge says that it has many pixels, and has none.
func huge(t *testing.T, w, h uint32) []byte {
	t.Helper()
	b := pngOf(t, image.NewGray(image.Rect(0, 0, 1, 1)))
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

func TestAnotherPictureReplacesAndRemovingForgets(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	first, err := w.Set(ctx, by, anna, "anna", picture.Face, pngOf(t, photo(10, 10)))
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.Set(ctx, by, anna, "anna", picture.Face, pngOf(t, photo(20, 20)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Read(ctx, "default", first.ID); !errors.Is(err, picture.ErrNotFound) {
		t.Errorf("the first one is still there: %v", err)
	}
	if _, _, err := w.Read(ctx, "other", second.ID); !errors.Is(err, picture.ErrNotFound) {
		t.Errorf("another tenant reads it: %v", err)
	}
	if _, _, err := w.Read(ctx, "default", "../"+second.ID); !errors.Is(err, picture.ErrNotFound) {
		t.Errorf("a path: %v", err)
	}
	all, err := w.All(ctx, "default", picture.User)
	if err != nil || len(all) != 1 || all[0] != second {
		t.Errorf("%+v, %v; want %+v", all, err, second)
	}
	if err := w.Remove(ctx, by, anna, "anna"); err != nil {
		t.Fatal(err)
	}
	if err := w.Remove(ctx, by, anna, "anna"); err != nil {
		t.Errorf("again: %v", err)
	}
	if _, err := w.contents.Get(ctx, "default", second.ID); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("the content is still there: %v", err)
	}
	page, err := w.log.List(ctx, "default", audit.Query{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, e := range page.Entries {
		actions = append(actions, e.Action)
	}
	slices.Sort(actions)
	if got := strings.Join(actions, " "); got != "user.remove_picture user.set_picture user.set_picture" {
		t.Errorf("audit: %s", got)
	}
}

// What a crash leaves: announced and kept, but never named.
func TestTheSweeperRemovesWhatNobodyNames(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	named, err := w.Set(ctx, by, anna, "anna", picture.Face, pngOf(t, photo(10, 10)))
	if err != nil {
		t.Fatal(err)
	}
	crashing := picture.New(picture.Options{Store: w.store, Contents: noNaming{w.contents}, Audit: w.log, Clock: func() time.Time { return w.now }})
	if _, err := crashing.Set(ctx, by, anna, "anna", picture.Face, pngOf(t, photo(10, 10))); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	left := count(t, w)
	if left != 2 {
		t.Fatalf("%d contents, want the named one and the one of the crash", left)
	}
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{time.Minute, 2}, {2 * time.Hour, 1}} {
		if err := w.Sweep(ctx, w.now.Add(step.after)); err != nil {
			t.Fatal(err)
		}
		if got := count(t, w); got != step.want {
			t.Errorf("after %s: %d contents, want %d", step.after, got, step.want)
		}
	}
	if _, _, err := w.Read(ctx, "default", named.ID); err != nil {
		t.Errorf("the named one went: %v", err)
	}
}

func count(t *testing.T, w *world) int {
	t.Helper()
	n, err := w.store.Count(t.Context(), store.Query{Table: "upload_contents", AllTenants: true}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var errCrash = errors.New("crash")

// noNaming keeps the content and then dies.
type noNaming struct{ blob.Store }

func (s noNaming) Put(ctx context.Context, tenant string, contents ...blob.Content) error {
	return errors.Join(errCrash, s.Store.Put(ctx, tenant, contents...))
}

func FuzzSet(f *testing.F) {
	var b bytes.Buffer
	_ = png.Encode(&b, photo(8, 8))
	f.Add(b.Bytes())
	f.Add([]byte("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"))
	f.Add([]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"))
	s := picture.New(picture.Options{})
	f.Fuzz(func(t *testing.T, content []byte) { s.TryRecode(t.Context(), content) })
}
