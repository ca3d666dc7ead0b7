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
	// limitLink are links tried, or asked for, from one address; limitMail those asked for by one name.
	limitLink = 30
	limitMail = 5
)

func newLimiter() *limiter { return &limiter{counts: map[string]*attempts{}} }

// limit is what is counted under a key, and how many failures of it a window takes.
type limit struct {
	key string
	max int
}

func limitKeys(username, address string) []limit {
	return []limit{
		{"p|" + username + "|" + address, limitPair},
		{"u|" + username, limitUsername},
		{"a|" + address, limitAddress},
	}
}

// check answers how long to wait; 0 is go ahead.
func (l *limiter) check(limits []limit, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var wait time.Duration
	for _, k := range limits {
		a := l.counts[k.key]
		if a == nil || now.Sub(a.since) >= limitWindow || a.failed < k.max {
			continue
		}
		wait = max(wait, a.since.Add(limitWindow).Sub(now))
	}
	return wait
}

// fail counts an attempt. It is called before the secret is compared, so that many at once count too.
func (l *limiter) fail(limits []limit, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range limits {
		a := l.counts[k.key]
		if a == nil || now.Sub(a.since) >= limitWindow {
			l.room(now)
			a = &attempts{since: now}
			l.counts[k.key] = a
		}
		a.failed++
	}
}

// takeBack says that the attempt was no failure after all.
func (l *limiter) takeBack(limits []limit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range limits {
		if a := l.counts[k.key]; a != nil {
			if a.failed--; a.failed <= 0 {
				delete(l.counts, k.key)
			}
		}
	}
}

// succeed forgives what is counted under the first limit, which is the narrowest.
func (l *limiter) succeed(limits []limit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.counts, limits[0].key)
}

// forgive is both.
func (l *limiter) forgive(limits []limit) {
	l.takeBack(limits)
	l.succeed(limits)
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
