package vsphere

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	signin "github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// client is a signed-in connection. Its methods may be called by several scopes at once.
type client struct {
	vim      *vim25.Client
	sessions *signin.Manager
	login    *url.Userinfo
	instance string      // the vCenter's own UUID
	tags     *tagService // nil for a lone host, which has none

	answers *answers

	stop  context.CancelFunc // ends the keep-alive; nil before it begins
	alive sync.WaitGroup

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

// keepAliveEvery is well below the half hour after which vCenter ends a session that asks nothing, as one may while the
// agent takes its time or the site's ceiling holds requests back.
const keepAliveEvery = 5 * time.Minute

func dial(ctx context.Context, s settings, login *url.Userinfo) (*client, error) {
	sc := soap.NewClient(s.endpoint, s.Insecure)
	transport := sc.DefaultTransport()
	// The library's own way of dialing ignores the context.
	transport.DialTLSContext = nil
	transport.TLSHandshakeTimeout, transport.ResponseHeaderTimeout = 30*time.Second, answerTime
	transport.TLSClientConfig = s.tls
	c := &client{login: login}
	limited := httpclient.Limited(transport) // the site's ceiling holds for every request
	c.answers = &answers{base: limited}
	sc.Client.Transport = c.answers
	sc.UserAgent = "maestro-plugin-vsphere/" + serve.Version()
	vim, err := vim25.NewClient(ctx, sc)
	if err != nil {
		return nil, classify(err)
	}
	c.vim, c.sessions, c.instance = vim, signin.NewManager(vim), vim.ServiceContent.About.InstanceUuid
	// Only now: that the server is not the one that was meant is to be told before anybody enters a password for it.
	if password, _ := login.Password(); login.Username() == "" || password == "" {
		sc.CloseIdleConnections()
		return nil, provider.Denied(errors.New("the credential has no user name or password"),
			fmt.Sprintf("give the credential %s and %s", envUsername, envPassword))
	}
	if err := c.sessions.Login(ctx, login); err != nil {
		sc.CloseIdleConnections()
		return nil, c.refused(err)
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
	c.startKeepAlive(ctx, keepAliveEvery)
	return c, nil
}

// refused tells why a sign-in failed at a server that has answered before.
func (c *client) refused(err error) error {
	err = classify(err)
	var known *provider.Error
	if !errors.As(err, &known) {
		return err
	}
	switch skew := c.answers.skew(); {
	case known.Status == resource.StatusUnreachable && c.answers.status() == http.StatusServiceUnavailable:
		return &provider.Error{Status: resource.StatusThrottled, Err: known.Err, Advice: sessionAdvice}
	case known.Status == resource.StatusDenied && skew.Abs() > httpclient.MaxSkew:
		return provider.Denied(known.Err, clockAdvice(skew)+"; or "+known.Advice)
	}
	return err
}

// startKeepAlive asks for the time now and then until close.
func (c *client) startKeepAlive(ctx context.Context, every time.Duration) {
	ctx, c.stop = context.WithCancel(ctx)
	c.alive.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				// What goes wrong here goes wrong with the next request too, and is told there.
				_, _ = methods.GetCurrentTime(ctx, c.vim)
			}
		}
	})
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
		return c.refused(err)
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
	if c.stop != nil {
		c.stop()
		c.alive.Wait()
	}
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
