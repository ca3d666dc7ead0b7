package access

import (
	"net/netip"
	"strings"
	"sync"
	"time"
)

// limiter slows down guessing. It counts failures in windows of limitWindow: of a username from one address, of
// a username from anywhere and of an address for any username, so that a stranger cannot lock an administrator
// out of his own address by guessing from elsewhere a few times. Counts live in memory: with several
// collectors an attacker gets that many times as many guesses, which is still next to nothing.
type limiter struct {
	mu     sync.Mutex
	counts map[string]*attempts
}

type attempts struct {
	failed int
	since  time.Time
}

const (
	limitWindow   = 15 * time.Minute
	limitPair     = 10
	limitUsername = 100
	limitAddress  = 50
	limitEntries  = 20_000
)

func newLimiter() *limiter { return &limiter{counts: map[string]*attempts{}} }

func limitKeys(username, address string) [3]struct {
	key string
	max int
} {
	return [3]struct {
		key string
		max int
	}{
		{"p|" + username + "|" + address, limitPair},
		{"u|" + username, limitUsername},
		{"a|" + address, limitAddress},
	}
}

// check answers how long to wait; 0 is go ahead.
func (l *limiter) check(username, address string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var wait time.Duration
	for _, k := range limitKeys(username, address) {
		a := l.counts[k.key]
		if a == nil || now.Sub(a.since) >= limitWindow || a.failed < k.max {
			continue
		}
		wait = max(wait, a.since.Add(limitWindow).Sub(now))
	}
	return wait
}

// fail counts an attempt. It is called before the password is compared, so that many at once count too.
func (l *limiter) fail(username, address string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range limitKeys(username, address) {
		a := l.counts[k.key]
		if a == nil || now.Sub(a.since) >= limitWindow {
			l.room(now)
			a = &attempts{since: now}
			l.counts[k.key] = a
		}
		a.failed++
	}
}

// succeed takes the attempt back and forgives the pair.
func (l *limiter) succeed(username, address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, k := range limitKeys(username, address) {
		if a := l.counts[k.key]; a != nil {
			if a.failed--; i == 0 || a.failed <= 0 {
				delete(l.counts, k.key)
			}
		}
	}
}

// room drops what is over, and when that is not enough, whatever comes first: memory is bounded, come what may.
func (l *limiter) room(now time.Time) {
	if len(l.counts) < limitEntries {
		return
	}
	for k, a := range l.counts {
		if now.Sub(a.since) >= limitWindow {
			delete(l.counts, k)
		}
	}
	for k := range l.counts {
		if len(l.counts) < limitEntries/2 {
			return
		}
		delete(l.counts, k)
	}
}

// limitAddressOf takes the /64 of an IPv6 address, which is what one customer has at the least.
func limitAddressOf(address string) string {
	ip, err := netip.ParseAddr(strings.Trim(address, "[]"))
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}
