//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"maestro.internal/internal/rest"
)

// New passwords for two connections to a vCenter: a wrong one is refused by the vCenter itself and what is in use goes on being
// used; the right one is used once the agent has signed in with it.
func TestCredentialsAreRotatedOnceTheyWork(t *testing.T) {
	l := newLab(t)
	agent, p := l.agent("lab-1")
	a, b := l.connection("rotate-a", agent.ID), l.connection("rotate-b", agent.ID)
	l.seal("rotate-a")
	l.reads(a)
	wrong := filepath.Join(l.work, "wrong")
	if err := os.WriteFile(wrong, []byte("not the password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rotate := func(code int, password string, args ...string) string {
		t.Helper()
		return l.says(code, append([]string{"sealed", "rotate", "--set", "VSPHERE_USERNAME=" + l.demo.Username, "--file", "VSPHERE_PASSWORD=" + password}, args...)...)
	}
	before := l.sealed(a)

	out := rotate(1, wrong, "rotate-a", "rotate-b")
	x, y := l.sealed(a), l.sealed(b)
	if x.Candidate == nil || x.Candidate.State != "refused" || !strings.Contains(x.Candidate.Error, "refuses the user name or password") || !x.SealedAt.Equal(before.SealedAt) || y.State != "none" || y.Candidate == nil {
		t.Fatalf("a wrong password: %+v and %+v\n%s", x, y, out)
	}
	if !strings.Contains(out, "does not work") || strings.Contains(out, "not the password") {
		t.Errorf("maestro sealed rotate says:\n%s", out)
	}
	l.reads(a)
	l.refused(b, "")

	l.says(1, "sealed", "retry", "rotate-a")
	if out := l.says(0, "sealed", "--filter", "candidate.state = refused"); !strings.Contains(out, "rotate-a") || !strings.Contains(out, "rotate-b") {
		t.Errorf("the list of those that do not work:\n%s", out)
	}
	l.says(0, "sealed", "discard", "rotate-b")
	l.says(1, "sealed", "discard", "rotate-b")

	// The agent is away: nothing changes until it is back.
	p.end(t, syscall.SIGTERM)
	rotate(1, l.password, "--filter", `connection.name = "rotate-*"`, "--wait", "1s")
	if s := l.sealed(a); s.Candidate == nil || s.Candidate.State != "checking" || !s.SealedAt.Equal(before.SealedAt) {
		t.Errorf("without the agent: %+v", s)
	}
	p = start(t, filepath.Join(l.work, "bin", "maestro-agent"), "serve", "--config", filepath.Join(l.work, "lab-1.yaml"))
	eventually(t, "the right password is used", 90*time.Second, func() bool {
		x, y = l.sealed(a), l.sealed(b)
		return x.Candidate == nil && y.Candidate == nil && !x.CheckedAt.IsZero() && y.State == "ready"
	})
	l.reads(a)
	l.reads(b)

	rotate(1, l.password, "rotate-a", "--wait", "0s")
	l.says(0, "sealed", "reminder", "30")
	var r rest.CredentialRotation
	if l.get("/credential-rotation", &r); r.EveryDays != 30 {
		t.Errorf("the reminder is %+v", r)
	}
	if out := l.says(0, "sealed", "--due"); strings.Contains(out, "rotate-a") {
		t.Errorf("what was entered today is due:\n%s", out)
	}
	eventually(t, "it is used", time.Minute, func() bool { return l.sealed(a).Candidate == nil })
	actions := fmt.Sprint(list[rest.AuditEntry](l.api, "/audit"))
	for _, want := range []string{"credential.propose", "credential.refuse", "credential.rotate", "credential.discard", "credential_rotation.set"} {
		if !strings.Contains(actions, want) {
			t.Errorf("the audit trail has no %s", want)
		}
	}
	status, body, err := l.try(http.MethodPost, "/sealed-credentials/"+a.ID+"/candidate/check", nil)
	if err != nil || status != http.StatusConflict {
		t.Errorf("check what is not there: %d %s %v", status, body, err)
	}
	l.nowhere(t, p)
	p.end(t, syscall.SIGTERM)
	l.stop()
}
