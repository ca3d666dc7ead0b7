package aws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/retry"
	"maestro.internal/sdk/serve"
)

// session is one call's access to an account or an organisation. Its methods may be called by several scopes at once.
type session struct {
	settings settings
	base     aws.Config
	http     *http.Client
	own      string // the account of the credential itself

	mu       sync.Mutex
	accounts map[string]*account
	types    map[ec2types.InstanceType]ec2types.InstanceTypeInfo // sizes are the same everywhere
}

// account is the way into one account.
type account struct {
	id  string
	cfg aws.Config
	// role is what has to be assumed; empty for the credential's own account.
	role string

	mu      sync.Mutex
	refused error // that the role cannot be assumed is asked once, not once for each scope
	entered bool
}

// connect signs in as the credential, then as the role of the settings if there is one.
func connect(ctx context.Context, set settings) (*session, error) {
	client, err := dial(set)
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, func(o *config.LoadOptions) error {
		o.Region, o.BaseEndpoint = set.Region, set.Endpoint
		if os.Getenv("AWS_CA_BUNDLE") == "" { // the library refuses clients but its own beside it
			o.HTTPClient = client
		}
		// Repeating is the SDK's: it knows the limits of the account and of the site.
		o.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
		o.Logger = logging.LoggerFunc(func(_ logging.Classification, format string, v ...any) { slog.Debug(fmt.Sprintf(format, v...)) })
		o.AppID = "maestro-plugin-aws-" + cleanVersion(serve.Version())
		return nil
	})
	if err != nil {
		return nil, provider.Denied(fmt.Errorf("read the credential: %w", err), "check AWS_PROFILE and the files of the credential")
	}
	cfg.HTTPClient = client
	if set.Endpoint == "" {
		cfg.BaseEndpoint = nil
	}
	s := &session{settings: set, base: cfg, http: client, accounts: map[string]*account{}, types: map[ec2types.InstanceType]ec2types.InstanceTypeInfo{}}
	if set.RoleARN != "" {
		s.base.Credentials = s.assume(set.RoleARN)
	}
	var me *sts.GetCallerIdentityOutput
	err = insist(ctx, func(ctx context.Context) (err error) {
		me, err = sts.NewFromConfig(s.base).GetCallerIdentity(ctx, nil)
		return err
	})
	if err != nil {
		client.CloseIdleConnections()
		return nil, err
	}
	s.own = aws.ToString(me.Account)
	if s.own == "" {
		client.CloseIdleConnections()
		return nil, provider.Permanent(errors.New("STS GetCallerIdentity does not say which account this is"))
	}
	return s, nil
}

// dial makes the client of all services.
func dial(set settings) (*http.Client, error) {
	authorities := []byte(set.CA)
	if path := os.Getenv("AWS_CA_BUNDLE"); path != "" {
		more, err := os.ReadFile(path)
		if err != nil {
			return nil, provider.Permanent(fmt.Errorf("read AWS_CA_BUNDLE: %w", err))
		}
		authorities = append(append(authorities, '\n'), more...)
	}
	client, err := httpclient.New(httpclient.Options{CA: authorities})
	if err != nil {
		return nil, &provider.SettingsError{Pointer: "/ca_certificate", Problem: err.Error()}
	}
	client.Transport = whole{client.Transport}
	return client, nil
}

// cleanVersion keeps what a user agent may contain.
func cleanVersion(v string) string {
	return mapRunes(v, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' })
}

// assume is the credentials of a role, renewed before they end.
func (s *session) assume(role string) aws.CredentialsProvider {
	client := sts.NewFromConfig(s.base)
	return aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(client, role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "maestro"
		if s.settings.ExternalID != "" {
			o.ExternalID = aws.String(s.settings.ExternalID)
		}
	}), func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 5 * time.Minute })
}

// account is the way into an account: the credential itself for its own, the member role for all others.
func (s *session) account(id string) *account {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.accounts[id]; a != nil {
		return a
	}
	a := &account{id: id, cfg: s.base.Copy()}
	if id != s.own {
		a.role = fmt.Sprintf("arn:%s:iam::%s:role/%s", s.settings.partition, id, s.settings.MemberRole)
		a.cfg.Credentials = s.assume(a.role)
	}
	s.accounts[id] = a
	return a
}

// enter assumes the account's role, once. A refusal is remembered, other errors are not.
func (a *account) enter(ctx context.Context) error {
	if a.role == "" {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.entered || a.refused != nil {
		return a.refused
	}
	_, err := a.cfg.Credentials.Retrieve(ctx)
	if err = classify(err); err == nil {
		a.entered = true
	} else if provider.StatusOf(err) == resource.StatusDenied {
		a.refused = err
	}
	return err
}

// config is the configuration for one account and region.
func (s *session) config(ctx context.Context, id, region string) (aws.Config, error) {
	a := s.account(id)
	if err := a.enter(ctx); err != nil {
		return aws.Config{}, err
	}
	cfg := a.cfg.Copy()
	cfg.Region = region
	if region == globalRegion {
		cfg.Region = s.settings.Region
	}
	return cfg, nil
}

// Close leaves no connection open.
func (s *session) Close() error {
	s.http.CloseIdleConnections()
	return nil
}

// insist is retry.Do for Amazon's errors, and more patient with services that do not answer.
func insist(ctx context.Context, fn func(context.Context) error) error {
	return retry.Policy{First: 500 * time.Millisecond, Tries: 6}.Do(ctx, func(ctx context.Context) error { return classify(fn(ctx)) })
}
