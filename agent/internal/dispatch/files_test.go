package dispatch_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"maestro.internal/agent/internal/files"
)

// uploads are the files of a connection as a collector sends them, unless it cannot be reached.
type uploads struct {
	contents []string
	err      error
	epochs   []int64
}

func (u *uploads) send(_ context.Context, _ string, epoch int64, have []string, to files.Receiver) error {
	if u.err != nil {
		return u.err
	}
	u.epochs = append(u.epochs, epoch)
	var list []files.File
	for _, c := range u.contents {
		sum := sha256.Sum256([]byte(c))
		list = append(list, files.File{Name: c, Size: int64(len(c)), SHA256: hex.EncodeToString(sum[:])})
	}
	if err := to.List(list); err != nil {
		return err
	}
	for i, f := range list {
		if strings.Contains(strings.Join(have, " "), f.SHA256) {
			continue
		}
		if err := to.Chunk(i, 0, []byte(u.contents[i])); err != nil {
			return err
		}
	}
	return nil
}

// TestARunReadsUploads: a run brings the files before its plugin starts; without the collector it makes do with those at
// hand and says so, and where there never were any nothing is read.
func TestARunReadsUploads(t *testing.T) {
	u := &uploads{err: errors.New("the collector is away")}
	r := newRigWith(t, time.Now, u.send)
	a := assignment(settings{Mode: "files"}, onRequest...)
	for _, step := range []struct {
		id       string
		contents []string
		err      error
		want     string
		warned   string
	}{
		{"never fetched", nil, u.err, "demo.thing{region=eu}=failed/0 demo.thing{region=us}=failed/0", "never fetched: the collector is away"},
		{"uploaded", []string{"web-1", "web-2"}, nil, "demo.thing{region=eu}=complete/2 demo.thing{region=us}=complete/2", ""},
		{"away", nil, u.err, "demo.thing{region=eu}=complete/2 demo.thing{region=us}=complete/2", "may be out of date: the collector is away"},
		{"one deleted", []string{"web-2"}, nil, "demo.thing{region=eu}=complete/1 demo.thing{region=us}=complete/1", ""},
		{"all deleted", nil, nil, "demo.thing{region=eu}=complete/0 demo.thing{region=us}=complete/0", ""},
	} {
		u.contents, u.err = step.contents, step.err
		st := r.run(step.id, a)
		if got := statuses(st); got != step.want || st.End.Error != "" {
			t.Errorf("%s: %s, error %q", step.id, got, st.End.Error)
		}
		if warned := strings.Join(st.Plan.Warnings, "; "); step.warned == "" && warned != "" || !strings.Contains(warned, step.warned) {
			t.Errorf("%s: warned %q, want %q", step.id, warned, step.warned)
		}
	}
	if len(u.epochs) != 3 || u.epochs[0] != a.Epoch {
		t.Errorf("asked with the epochs %v", u.epochs)
	}
}
