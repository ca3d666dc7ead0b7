package openstack

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"sync"

	"maestro.internal/sdk/schema"
)

// keyPairFields are what only Nova's key pairs have.
type keyPairFields struct {
	UserID string `json:"user_id,omitempty" label:"User id" maestro:"indexed" help:"Key pairs belong to people and not to projects."`
}

type novaKeyPair struct {
	KeyPair struct {
		Name        string `json:"name"`
		Type        string `json:"type"`
		Fingerprint string `json:"fingerprint"`
	} `json:"keypair"`
}

type keyPairAttributes struct {
	schema.KeyPair
	OpenStack keyPairFields `json:"openstack"`
}

// readKeyPairs reads those of the user that is signed in. For all projects it reads those of everybody who has a
// server, which is one request for each such person: key pairs have no list of all.
func readKeyPairs(ctx context.Context, r *reader) error {
	me := r.session.grant.User.ID
	if !r.all {
		return r.keyPairsOf(ctx, me, nil)
	}
	people := map[string]bool{me: true}
	servers := listing{service: r.service, path: "servers/detail", key: "servers", query: url.Values{"all_tenants": {"1"}}}
	err := each(ctx, r, servers, func(page []struct {
		User string `json:"user_id"`
		Key  string `json:"key_name"`
	}) error {
		for _, s := range page {
			if s.User != "" && s.Key != "" {
				people[s.User] = true
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var worst error
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(people)), 4) {
		var wait sync.WaitGroup
		for _, user := range chunk {
			wait.Go(func() {
				if err := r.keyPairsOf(ctx, user, url.Values{"user_id": {user}}); err != nil {
					mu.Lock()
					defer mu.Unlock()
					worst = err
				}
			})
		}
		wait.Wait()
		if worst != nil {
			return worst
		}
	}
	return nil
}

func (r *reader) keyPairsOf(ctx context.Context, user string, query url.Values) error {
	l := listing{service: r.service, path: r.list.path, key: r.list.key, query: query}
	return each(ctx, r, l, func(page []novaKeyPair) error {
		for _, k := range page {
			env := r.envelope(r.local(user, k.KeyPair.Name), k.KeyPair.Name)
			err := r.emit(ctx, env, keyPairAttributes{
				KeyPair:   schema.KeyPair{Type: k.KeyPair.Type, Fingerprint: k.KeyPair.Fingerprint},
				OpenStack: keyPairFields{UserID: user},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
