//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maestro.internal/internal/rest"
)

// Where a tenant wants to be asked, the agent says that it waits, goes on by itself when somebody lets it in, and ends when nobody will.
func TestAnAgentWaitsUntilItIsLetIn(t *testing.T) {
	l := newLab(t)
	l.says(0, "approvals", "rules", "agent_enrolment", "--required", "--requester-may-decide")
	comes := func(name string) (*process, string) {
		t.Helper()
		var token rest.JoinToken
		l.call(http.MethodPost, "/join-tokens", rest.JoinTokenCreate{Name: name, Site: "lab"}, &token)
		config, err := json.Marshal(map[string]any{"data_dir": filepath.Join(l.work, name), "collector": l.agents, "join_token": token.Token, "site": "lab", "plugin_dir": filepath.Join(l.work, "bin")})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(l.work, name+".yaml")
		if err := os.WriteFile(file, config, 0o600); err != nil {
			t.Fatal(err)
		}
		return start(t, filepath.Join(l.work, "bin", "maestro-agent"), "serve", "--config", file), file
	}
	asked := func(name string) (a rest.Approval) {
		t.Helper()
		eventually(t, name+" is asked about", time.Minute, func() bool {
			for _, x := range list[rest.Approval](l.api, "/approvals") {
				if x.State == "pending" && x.Enrolment != nil && x.Enrolment.Name == name {
					a = x
				}
			}
			return a.ID != ""
		})
		return a
	}
	p, file := comes("newcomer")
	a := asked("newcomer")
	status := ""
	look := func() bool {
		said, err := exec.CommandContext(t.Context(), filepath.Join(l.work, "bin", "maestro-agent"), "status", "--config", file).CombinedOutput()
		status = string(said)
		return err == nil
	}
	eventually(t, "the agent says that it waits", time.Minute, func() bool { return look() && strings.Contains(status, "waiting for approval since") })
	if !strings.Contains(status, a.Enrolment.Fingerprint) || !strings.Contains(p.out.String(), "waiting for approval") || !strings.Contains(p.out.String(), a.Enrolment.Fingerprint) {
		t.Errorf("status %s\nlog %s\napproval %+v", status, p.out.String(), a.Enrolment)
	}
	if said := l.says(0, "approvals", "show", a.ID); !strings.Contains(said, a.Enrolment.Fingerprint) {
		t.Error(said)
	}
	l.says(0, "approvals", "approve", a.ID)
	eventually(t, "the agent works", time.Minute, func() bool {
		for _, x := range list[rest.Agent](l.api, "/agents") {
			if x.Name == "newcomer" && x.Status == "online" {
				return true
			}
		}
		return false
	})
	eventually(t, "its status says so", time.Minute, func() bool { return look() && strings.Contains(status, "connected since") })
	if strings.Contains(status, "waiting for approval") {
		t.Error(status)
	}
	p, _ = comes("intruder")
	l.says(0, "approvals", "refuse", asked("intruder").ID, "--reason", "not ours")
	eventually(t, "the agent ends", time.Minute, func() bool {
		select {
		case <-p.done:
			return true
		default:
			return false
		}
	})
	if p.code == 0 || !strings.Contains(p.out.String(), "refused this agent") || !strings.Contains(p.out.String(), "not ours") {
		t.Error(p.out.String())
	}
}
