package inventory

import (
	"testing"
)

// Two copies of an agent count their runs alike. What the second one read under a number that is taken already is not newer than what the
// first one read under it; its next run is.
func TestACopyOfAnAgentIsNotNewer(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "c", 0)
	l.run(a, complete(one, thing(one, "a", named("first"))))
	twin := a.fork(1000)
	l.run(a, complete(one, thing(one, "a", named("second"))))
	sp := twin.build([]string{"server"}, l.clock.now(), complete(one, thing(one, "a", named("of the copy")), thing(one, "b")))
	for range 2 { // and once more, as after an answer that was lost
		if verdicts, err := twin.push(l.ctx, sp); err != nil || verdicts[one.Key()] != Superseded && verdicts[one.Key()] != Done {
			t.Fatalf("the copy's run: %v %v", verdicts, err)
		}
		l.want(l.servers(), "second active c")
	}
	l.run(twin, complete(one, thing(one, "a", named("of the copy")), thing(one, "b", named("b"))))
	l.want(l.servers(), "b active c", "of the copy active c")
	l.checkChain("server")
}

// A thing moves to another scope with a body that is not taken. It is there, so it does not go; what was known of it stays until its body
// is taken, and it goes when the scope that it moved to no longer lists it.
func TestWhatMovesWithABodyThatIsNotTakenStays(t *testing.T) {
	for _, first := range []string{"the one that it left", "the one that it came to"} {
		t.Run("read first: "+first, func(t *testing.T) {
			bad := &toxic{Store: openSQLite(t)}
			l := newLab(t, func(o *Options) { o.Store = bad })
			a := newAgent(l.s, "c", 0)
			l.run(a, complete(one, thing(one, "a", named("a")), thing(one, "b", named("b"))), complete(two, thing(two, "z", named("z"))))
			bad.word = "poison"
			left := complete(one, thing(one, "b", named("b")))
			came := complete(two, thing(two, "z", named("z")), thing(two, "a", named("poison")))
			reads := []read{left, came}
			if first == "the one that it came to" {
				reads = []read{came, left}
			}
			l.untilTaken(a, a.build([]string{"server"}, l.clock.now(), reads...))
			l.want(l.servers(), "a active c", "b active c", "z active c")
			l.run(a, reads...) // with nothing new to say
			l.want(l.servers(), "a active c", "b active c", "z active c")
			bad.word = ""
			if err := l.s.Resend(l.ctx, tenant, "c"); err != nil {
				t.Fatal(err)
			}
			l.run(a, reads...)
			l.want(l.servers(), "b active c", "poison active c", "z active c")
			l.run(a, left, complete(two, thing(two, "z", named("z"))))
			l.want(l.servers(), "b active c", "poison gone c", "z active c")
			l.checkChain("server")
		})
	}
}
