package uplink

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"maestro.internal/agent/internal/supervisor"
	"maestro.internal/internal/protocol/uplinkv1"
)

// looksBetweenTries is how many looks a plugin that cannot be described is left alone while its file stays the same.
const looksBetweenTries = 20

// plugins is what a session told the collector of the plugins at hand.
type plugins struct {
	mu    sync.Mutex
	files []supervisor.File
	known []supervisor.Described
	looks int // since one was described in vain
}

// look describes the plugins if their files are others than last time, and says whether the collector has to be told.
func (p *plugins) look(ctx context.Context, at Plugins) (news bool, err error) {
	files, err := at.Files()
	if err != nil {
		return false, err
	}
	p.mu.Lock()
	p.looks++
	again := len(p.known) < len(p.files) && p.looks >= looksBetweenTries
	same := slices.Equal(files, p.files)
	p.mu.Unlock()
	if same && !again {
		return false, nil
	}
	known, err := at.All(ctx)
	if err != nil {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	news = !slices.Equal(digestsOf(p.known), digestsOf(known)) || !maps.Equal(buildsOf(p.known), buildsOf(known))
	p.files, p.known, p.looks = files, known, 0
	return news, nil
}

func digestsOf(list []supervisor.Described) []string {
	var out []string
	for _, d := range list {
		out = append(out, d.Digest)
	}
	return out
}

// buildsOf are the sums of the plugins' files by description. Of two files that say the same of themselves it is the one that is found.
func buildsOf(list []supervisor.Described) map[string]string {
	out := map[string]string{}
	for _, d := range slices.Backward(list) {
		out[d.Digest] = d.SHA256
	}
	return out
}

// told is what the collector is told of the plugins at hand.
func (p *plugins) told() (digests []string, builds map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return digestsOf(p.known), buildsOf(p.known)
}

func (p *plugins) find(digest string) (supervisor.Described, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Two files may say the same of themselves; it is told once.
	if at := slices.IndexFunc(p.known, func(d supervisor.Described) bool { return d.Digest == digest }); at >= 0 {
		return p.known[at], true
	}
	return supervisor.Described{}, false
}

// watchPlugins tells the collector what was installed, upgraded or removed while the session goes on. Runs begin with
// the new file at once; without this the collector would not know the kinds that they bring.
func (s *session) watchPlugins(ctx context.Context) {
	tick := time.NewTicker(s.uplink.cfg.Pace.Plugins)
	defer tick.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		news, err := s.plugins.look(ctx, s.uplink.cfg.Plugins)
		if err != nil && !failed && ctx.Err() == nil {
			s.log.Error("plugins cannot be listed", "error", err)
		}
		if failed = err != nil; !news || ctx.Err() != nil {
			continue
		}
		digests, builds := s.plugins.told()
		s.log.Info("the installed plugins changed", "plugins", len(digests))
		s.put(ctx, &uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_PluginsAtHand{
			PluginsAtHand: &uplinkv1.PluginsAtHand{Digests: digests, Builds: builds}}})
	}
}

func (s *session) tellPlugins(ctx context.Context, digests []string) {
	for _, digest := range digests {
		p, ok := s.plugins.find(digest)
		if !ok {
			continue
		}
		s.put(ctx, &uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_Plugin{Plugin: &uplinkv1.PluginDescription{
			Digest: p.Digest, Description: p.JSON, BinarySha256: p.SHA256}}})
	}
}
