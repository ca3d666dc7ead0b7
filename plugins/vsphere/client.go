package vsphere

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	signin "github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/serve"
)

// client is a signed-in connection. Its methods may be called by several scopes at once.
type client struct {
	vim      *vim25.Client
	sessions *signin.Manager
	login    *url.Userinfo
	instance string      // the vCenter's own UUID
	tags     *tagService // nil for a lone host, which has none

	signing sync.Mutex
	epoch   int // how often it signed in again

	listing sync.Mutex
	asked   bool // datacenters are read once in a call
	found   []datacenter
	mute    []string
}

// datacenter is a vSphere datacenter.
type datacenter struct {
	ref  types.ManagedObjectReference
	name string
	path string // with the folders it lies in: EMEA/Frankfurt
}

// answerTime bounds how long vCenter may take to begin an answer; a page of a sweep takes seconds at most.
const answerTime = 2 * time.Minute

var errThumbprint = errors.New("the server's certificate does not have the thumbprint of the settings")

func dial(ctx context.Context, s settings, login *url.Userinfo) (*client, error) {
	sc := soap.NewClient(s.endpoint, s.Insecure)
	transport := sc.DefaultTransport()
	// The library's own way of dialing ignores the context.
	transport.DialTLSContext = nil
	transport.TLSHandshakeTimeout, transport.ResponseHeaderTimeout = 30*time.Second, answerTime
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.Insecure || s.sum != nil}
	if s.sum != nil {
		transport.TLSClientConfig.VerifyConnection = func(state tls.ConnectionState) error {
			raw := state.PeerCertificates[0].Raw
			by256, by1 := sha256.Sum256(raw), sha1.Sum(raw)
			if bytes.Equal(s.sum, by256[:]) || bytes.Equal(s.sum, by1[:]) {
				return nil
			}
			return errThumbprint
		}
	}
	limited := httpclient.Limited(transport) // the site's ceiling holds for every request
	sc.Client.Transport = limited
	sc.UserAgent = "maestro-plugin-vsphere/" + serve.Version()
	vim, err := vim25.NewClient(ctx, sc)
	if err != nil {
		return nil, classify(err)
	}
	c := &client{vim: vim, sessions: signin.NewManager(vim), login: login, instance: vim.ServiceContent.About.InstanceUuid}
	if err := c.sessions.Login(ctx, login); err != nil {
		sc.CloseIdleConnections()
		return nil, classify(err)
	}
	if vim.IsVC() {
		rc := rest.NewClient(vim)
		rc.Client.Client.Transport = limited
		c.tags = newTagService(rc, login)
	} else {
		if c.instance, err = c.hostUUID(ctx); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

// hostUUID stands for the vCenter's UUID where the address is that of a lone ESXi host.
func (c *client) hostUUID(ctx context.Context) (string, error) {
	uuid := ""
	sw := sweep{types: []string{"HostSystem"}, properties: []string{"hardware.systemInfo.uuid"}}
	err := c.sweep(ctx, c.vim.ServiceContent.RootFolder, sw, directCall, func(o entry) error {
		for _, p := range o.PropSet {
			uuid, _ = p.Val.(string)
		}
		return nil
	})
	if err == nil && uuid == "" {
		err = provider.Denied(errors.New("the host does not show its hardware's UUID"), "give the user the role Read-only on the host")
	}
	return uuid, err
}

// again signs in once more after a session has ended, unless another scope did so since epoch was read.
func (c *client) again(ctx context.Context, epoch int) error {
	c.signing.Lock()
	defer c.signing.Unlock()
	if c.epoch != epoch {
		return nil
	}
	if err := c.sessions.Login(ctx, c.login); err != nil {
		return classify(err)
	}
	c.epoch++
	return nil
}

func (c *client) currentEpoch() int {
	c.signing.Lock()
	defer c.signing.Unlock()
	return c.epoch
}

func (c *client) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	defer c.vim.CloseIdleConnections()
	var errs error
	if c.tags != nil {
		errs = c.tags.close(ctx)
	}
	if err := c.sessions.Logout(ctx); err != nil && !isNotAuthenticated(err) {
		errs = errors.Join(errs, fmt.Errorf("sign out: %w", err))
	}
	return errs
}

// datacenters lists what there is, once in a call; mute are those whose names may not be read.
func (c *client) datacenters(ctx context.Context) (found []datacenter, mute []string, err error) {
	c.listing.Lock()
	defer c.listing.Unlock()
	if c.asked {
		return c.found, c.mute, nil
	}
	folders, datacenters := map[types.ManagedObjectReference]mo.Folder{}, map[types.ManagedObjectReference]mo.Datacenter{}
	sw := sweep{types: []string{"Datacenter", "Folder"}, properties: []string{"name", "parent"}, base: "ManagedEntity"}
	err = c.sweep(ctx, c.vim.ServiceContent.RootFolder, sw, directCall, func(o entry) error {
		switch o.Obj.Type {
		case "Folder":
			var f mo.Folder
			if err := o.load(&f); err != nil {
				return err
			}
			folders[o.Obj] = f
		case "Datacenter":
			var d mo.Datacenter
			if err := o.load(&d); err != nil {
				return err
			}
			if d.Name == "" {
				mute = append(mute, o.Obj.Value)
			} else {
				datacenters[o.Obj] = d
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for _, d := range datacenters {
		p := d.Name
		for up := d.Parent; up != nil && *up != c.vim.ServiceContent.RootFolder; {
			f, ok := folders[*up]
			if !ok {
				break
			}
			p, up = f.Name+"/"+p, f.Parent
		}
		found = append(found, datacenter{ref: d.Self, name: plainName(d.Name), path: p})
	}
	slices.SortFunc(found, func(a, b datacenter) int { return strings.Compare(a.path, b.path) })
	c.asked, c.found, c.mute = true, found, mute
	return found, mute, nil
}

// directCall is for calls outside a scope, where there is no emitter to limit and repeat them.
func directCall(ctx context.Context, fn func(context.Context) error) error { return fn(ctx) }

// plainName undoes vCenter's escapes of the three characters that mean something in its paths.
func plainName(s string) string {
	return strings.NewReplacer("%2f", "/", "%2F", "/", "%5c", `\`, "%5C", `\`, "%25", "%").Replace(s)
}

// readThumbprint takes SHA-256 and SHA-1 with or without colons, since people copy what their tools print.
func readThumbprint(s string) ([]byte, error) {
	sum, err := hex.DecodeString(strings.ToLower(strings.NewReplacer(":", "", " ", "", "-", "").Replace(s)))
	if err != nil || (len(sum) != sha256.Size && len(sum) != sha1.Size) {
		return nil, errors.New("is no SHA-256 such as 1F:BF:FA:...")
	}
	return sum, nil
}
