package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// errUnregistered says that a subscription does not use a service at all, so that there is nothing of it.
var errUnregistered = errors.New("the subscription is not registered for this service")

// errGone says that a parent whose children were asked for is not there any more.
var errGone = errors.New("it was deleted meanwhile")

func gone(err error) bool { return errors.Is(err, errGone) }

// classify tells the SDK what an error that is no answer means.
func (c *client) classify(err error) error {
	var known *provider.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	var refused *azidentity.AuthenticationFailedError
	if errors.As(err, &refused) {
		if refused.RawResponse != nil {
			return signInRefusal(refused.RawResponse)
		}
		if c.signIn != nil && c.signIn.problem() != nil {
			if e := httpclient.Classify(c.signIn.problem()); errors.As(e, &known) {
				return &provider.Error{Status: known.Status, Advice: known.Advice, Err: fmt.Errorf("sign in: %w", known.Err)}
			}
		}
		return provider.Denied(fmt.Errorf("sign in: %s", firstLine(err.Error())), "check the credential")
	}
	err = httpclient.Classify(err)
	if !errors.As(err, &known) && strings.Contains(err.Error(), "AzureCLICredential") {
		return provider.Denied(fmt.Errorf("sign in: %s", firstLine(err.Error())), "sign in with `az login`, and give the credential "+envConfig)
	}
	if !errors.As(err, &known) && strings.Contains(err.Error(), "ManagedIdentityCredential") {
		return provider.Denied(fmt.Errorf("sign in: %s", firstLine(err.Error())), "this machine has no managed identity, or not the one that the settings name")
	}
	return err
}

// refusal is an answer of Resource Manager that is no success, in its own words.
func refusal(resp *http.Response, body []byte) error {
	code, message := readProblem(body)
	err := fmt.Errorf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	if code != "" || message != "" {
		err = fmt.Errorf("%s: %s", code, firstLine(message))
	}
	switch {
	case slices.Contains([]string{"SubscriptionNotFound", "InvalidSubscriptionId", "InvalidAuthenticationTokenTenant", "AuthorizationFailed", "LinkedAuthorizationFailed"}, code):
		answered := httpclient.Answer(http.StatusForbidden, resp.Header, nil, err)
		var known *provider.Error
		if errors.As(answered, &known) && known.Advice != "" {
			return answered // a clock that is off
		}
		return provider.Denied(err, deniedAdvice(code))
	case slices.Contains([]string{"MissingSubscriptionRegistration", "MissingRegistrationForType", "SubscriptionNotRegistered"}, code):
		return fmt.Errorf("%w: %w", errUnregistered, err)
	case slices.Contains([]string{"ResourceNotFound", "ParentResourceNotFound", "ResourceGroupNotFound"}, code):
		return provider.Permanent(fmt.Errorf("%w: %w", errGone, err))
	case slices.Contains([]string{"InvalidResourceType", "NoRegisteredProviderFound", "InvalidResourceNamespace", "InvalidApiVersionParameter"}, code):
		return provider.Unsupported(withVersions(err, message))
	}
	answered := httpclient.Answer(resp.StatusCode, resp.Header, body, err)
	var known *provider.Error
	if !errors.As(answered, &known) {
		return provider.Permanent(answered)
	}
	// Resource Graph says by another header when its quota is whole again.
	if known.Status == resource.StatusThrottled && known.RetryAfter == 0 {
		known.RetryAfter = quotaAfter(resp.Header)
	}
	if known.Status == resource.StatusDenied && known.Advice == "" {
		known.Advice = deniedAdvice(code)
	}
	return answered
}

func deniedAdvice(code string) string {
	switch code {
	case "ExpiredAuthenticationToken", "InvalidAuthenticationToken":
		return "check that cloud and audience of the settings are those of the subscription, and that the clock of this machine is right"
	case "InvalidAuthenticationTokenTenant":
		return "the subscription belongs to another tenant: sign in there, or have it delegated by Lighthouse"
	}
	return "give the identity the role Reader on the subscription or on a management group above it, or the role that the plugin's description prints"
}

func quotaAfter(header http.Header) time.Duration {
	var h, m, s int
	if n, _ := fmt.Sscanf(header.Get("X-Ms-User-Quota-Resets-After"), "%d:%d:%d", &h, &m, &s); n != 3 || h < 0 || m < 0 || s < 0 {
		return 0
	}
	return min(time.Duration(h)*time.Hour+time.Duration(m)*time.Minute+time.Duration(s)*time.Second, time.Hour)
}

var signInCode = regexp.MustCompile(`AADSTS[0-9]+`)

// signInRefusal is an answer of the sign-in service that is no success.
func signInRefusal(resp *http.Response) error {
	var body []byte
	if resp.Body != nil {
		body, _ = io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // azidentity keeps the body; what cannot be read is empty
	}
	var said struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(body, &said) // no JSON is no code
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500 || said.Code == "" {
		err := httpclient.Answer(resp.StatusCode, resp.Header, body, fmt.Errorf("sign in: the sign-in service answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode)))
		var known *provider.Error
		if !errors.As(err, &known) {
			err = provider.Denied(err, "check the sign-in address of the settings")
		}
		return err
	}
	// Its words end with ids and a time, which would make each error a new one.
	text, _, _ := strings.Cut(firstLine(said.Description), " Trace ID:")
	err := fmt.Errorf("sign in: %s: %s", said.Code, text)
	if skew := httpclient.Skew(resp.Header, time.Now()); skew.Abs() > httpclient.MaxSkew {
		return provider.Denied(err, fmt.Sprintf("the clock of this machine differs by %s from the sign-in service's: set it, then try again", skew.Abs()))
	}
	return provider.Denied(err, signInAdvice(signInCode.FindString(said.Description)))
}

func signInAdvice(code string) string {
	switch code {
	case "AADSTS7000215":
		return "the client secret is wrong: give the credential its value, not its id"
	case "AADSTS7000222":
		return "the client secret has expired: make a new one in the app registration"
	case "AADSTS700016":
		return "the tenant does not know the application: check the client id and the tenant id"
	case "AADSTS90002", "AADSTS900023", "AADSTS900021":
		return "there is no such tenant: check the tenant id and the cloud"
	case "AADSTS700027":
		return "the app registration does not know the certificate: upload it there"
	case "AADSTS700024":
		return "the clock of this machine is off, or the certificate is out of date"
	case "AADSTS500011", "AADSTS500014":
		return "the tenant does not know the audience: check the cloud of the settings"
	case "AADSTS53003":
		return "a conditional access policy refuses the sign-in from this place"
	case "AADSTS7000112", "AADSTS50057":
		return "the identity is disabled in the tenant"
	}
	return "check the ids of tenant and application and the secret of the credential"
}

func firstLine(s string) string {
	s = strings.TrimSpace(s)
	line, _, _ := strings.Cut(s, "\n")
	line = strings.TrimSpace(line)
	if len(line) > 500 {
		line = strings.ToValidUTF8(line[:500], "") + " ..."
	}
	return line
}

// unknownVersion is a refusal for the version of the API, which lists those that there are.
type unknownVersion struct {
	error
	supported []string
}

func (u *unknownVersion) Unwrap() error { return u.error }

var supportedVersions = regexp.MustCompile(`supported (?:api-)?versions are '([^']+)'`)

func withVersions(err error, message string) error {
	if found := supportedVersions.FindStringSubmatch(message); found != nil {
		return &unknownVersion{err, strings.Split(found[1], ",")}
	}
	return err
}

// other is a link with the newest version that is known there and older than the link's own, previews left out.
func (u *unknownVersion) other(link string) string {
	at, err := url.Parse(link)
	if err != nil {
		return ""
	}
	query := at.Query()
	best := ""
	for _, v := range u.supported {
		v = strings.TrimSpace(v)
		if len(v) == len("2006-01-02") && v < query.Get("api-version") && v > best {
			best = v
		}
	}
	if best == "" {
		return ""
	}
	query.Set("api-version", best)
	at.RawQuery = query.Encode()
	return at.String()
}
