package ansible

import (
	"context"
	"math"
	"sync"
)

// feed decodes each host once for all the kinds that are read side by side. Their readers go through the hosts in the
// same order; what is decoded is kept until the last of them is past it, and who is too far ahead waits, so that memory
// does not grow. The slowest never waits, so nobody waits for ever; who comes late decodes again what is kept no longer.
type feed struct {
	age ageLimit

	mu      sync.Mutex
	readers map[*reader]bool
	kept    map[int]*decoded
	bytes   int64
	waiting int
	changed chan struct{} // closed when the slowest has moved
	behind  int           // where the slowest is
}

// The limits of what is kept: hosts, and bytes of their files.
const (
	maxAhead      = 32
	maxAheadBytes = 4 << 20
)

// decoded is a host in the feed.
type decoded struct {
	once sync.Once
	host *host
	err  error
	size int64 // what it adds to the feed's bytes
}

// reader is one kind's way through the hosts.
type reader struct {
	feed *feed
	at   int // the host that it is at
}

func newFeed(age ageLimit) *feed {
	return &feed{age: age, readers: map[*reader]bool{}, kept: map[int]*decoded{}, changed: make(chan struct{})}
}

// join adds a reader. It must leave.
func (f *feed) join() *reader {
	r := &reader{feed: f}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers[r] = true
	f.moved()
	return r
}

func (r *reader) leave() {
	f := r.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.readers, r)
	f.moved()
}

// read decodes the host at a position, or takes it from who did. Positions only grow.
func (r *reader) read(ctx context.Context, files *folder, at int) (*host, error) {
	f := r.feed
	f.mu.Lock()
	r.at = at
	f.moved()
	for f.ahead(r) {
		changed := f.changed
		f.waiting++
		f.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		f.mu.Lock()
		f.waiting--
		if ctx.Err() != nil {
			f.mu.Unlock()
			return nil, ctx.Err()
		}
	}
	d := f.kept[at]
	if d == nil {
		d = &decoded{}
		f.kept[at] = d
	}
	f.mu.Unlock()
	d.once.Do(func() {
		d.host, d.err = files.read(files.hosts()[at])
		if d.err == nil {
			d.err = f.age.check(d.host.facts)
		}
		if d.host != nil { // and it is kept, as its reader is not past it
			f.mu.Lock()
			defer f.mu.Unlock()
			d.size = d.host.size
			f.bytes += d.size
		}
	})
	return d.host, d.err
}

// ahead says that a reader has to wait for the others. The caller holds the lock.
func (f *feed) ahead(r *reader) bool {
	return r.at > f.behind && f.kept[r.at] == nil && (r.at-f.behind >= maxAhead || f.bytes >= maxAheadBytes)
}

// moved lets go of what everybody is past, and wakes who waits. The caller holds the lock.
func (f *feed) moved() {
	before := f.behind
	f.behind = math.MaxInt
	for r := range f.readers {
		f.behind = min(f.behind, r.at)
	}
	if f.behind == before {
		return
	}
	for at, d := range f.kept {
		if at < f.behind {
			delete(f.kept, at)
			f.bytes -= d.size
		}
	}
	if f.waiting > 0 {
		close(f.changed)
		f.changed = make(chan struct{})
	}
}
