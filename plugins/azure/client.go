package azure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
)

// maxAnswer bounds one answer. The largest pages that Azure gives are a few MB.
const maxAnswer = 64 << 20

// client asks Azure Resource Manager. Several scopes use it at once.
type client struct {
	pipeline runtime.Pipeline
	endpoint *url.URL
	token    azcore.TokenCredential
	audience string
	signIn   *remembering
}

func newClient(s settings, transport *http.Client) (*client, error) {
	signIn := &remembering{base: transport}
	token, err := credential(s, signIn)
	if err != nil {
		return nil, err
	}
	return clientWith(s, transport, token, signIn)
}

func clientWith(s settings, transport policy.Transporter, token azcore.TokenCredential, signIn *remembering) (*client, error) {
	made, err := arm.NewClient("maestro-plugin-azure", "v1.0.0", token, &arm.ClientOptions{
		ClientOptions: policy.ClientOptions{
			Cloud: s.cloud, Transport: transport,
			// The SDK repeats calls by the rules of the connection, so nobody below does.
			Retry: policy.RetryOptions{MaxRetries: -1},
		},
		// The library would register what is missing, which is a change.
		DisableRPRegistration: true,
	})
	if err != nil {
		return nil, provider.Permanent(fmt.Errorf("make client: %w", err))
	}
	endpoint, err := url.Parse(made.Endpoint())
	if err != nil {
		return nil, provider.Permanent(fmt.Errorf("read address: %w", err))
	}
	return &client{pipeline: made.Pipeline(), endpoint: endpoint, token: token, audience: s.cloud.Services[cloud.ResourceManager].Audience, signIn: signIn}, nil
}

// caller runs one request under limits and repeats it; see provider.Emitter.Call.
type caller func(ctx context.Context, fn func(context.Context) error) error

// link is the address of a path. More are pairs of names and values for the query.
func (c *client) link(path, version string, more ...string) string {
	query := url.Values{"api-version": {version}}
	for i := 0; i+1 < len(more); i += 2 {
		query.Set(more[i], more[i+1])
	}
	return c.endpoint.JoinPath(path).String() + "?" + query.Encode()
}

// get reads the JSON behind a link. What has another type than expected is left out, and named by the warning.
func (c *client) get(ctx context.Context, link string, into any) (warning string, err error) {
	warning, err = c.getOnce(ctx, link, into)
	var unknown *unknownVersion
	if !errors.As(err, &unknown) {
		return warning, err
	}
	// Sovereign clouds and Azure Stack Hub are behind; the answer says what they have.
	if other := unknown.other(link); other != "" {
		return c.getOnce(ctx, other, into)
	}
	return warning, err
}

func (c *client) getOnce(ctx context.Context, link string, into any) (warning string, err error) {
	req, err := runtime.NewRequest(ctx, http.MethodGet, link)
	if err != nil {
		return "", provider.Permanent(err)
	}
	return c.do(req, into)
}

// post asks a question that does not fit into an address.
func (c *client) post(ctx context.Context, link string, question, into any) (warning string, err error) {
	req, err := runtime.NewRequest(ctx, http.MethodPost, link)
	if err != nil {
		return "", provider.Permanent(err)
	}
	if err := runtime.MarshalAsJSON(req, question); err != nil {
		return "", provider.Permanent(err)
	}
	return c.do(req, into)
}

func (c *client) do(req *policy.Request, into any) (warning string, err error) {
	runtime.SkipBodyDownload(req)
	req.Raw().Header.Set("Accept", "application/json")
	resp, err := c.pipeline.Do(req)
	if err != nil {
		return "", c.classify(err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	switch {
	case err != nil:
		return "", c.classify(err)
	case len(body) > maxAnswer:
		return "", provider.Permanent(fmt.Errorf("the answer is larger than %d MB", maxAnswer>>20))
	case resp.StatusCode != http.StatusOK:
		return "", refusal(resp, body)
	}
	return decode(resp, body, into)
}

func decode(resp *http.Response, body []byte, into any) (warning string, err error) {
	err = json.Unmarshal(body, into)
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
		return "", nil
	case errors.As(err, &wrongType):
		// The decoder has gone on with the rest.
		return fmt.Sprintf("%s is a %s and not what was expected, so it is left out", wrongType.Field, wrongType.Value), nil
	}
	err = httpclient.Answer(resp.StatusCode, resp.Header, body, fmt.Errorf("the answer is no JSON: %w", err))
	var known *provider.Error
	if !errors.As(err, &known) {
		// A connection that was cut leaves half of a page; the next try may be luckier.
		err = provider.Unreachable(err)
	}
	return "", err
}

// page is one answer of a listing.
type page[T any] struct {
	Value    []T    `json:"value"`
	NextLink string `json:"nextLink"`
}

// pages reads a listing to its end and hands it over page by page. A page that fails is asked for again by call;
// those before are not.
func pages[T any](ctx context.Context, c *client, call caller, link string, warn func(string, ...any), fn func([]T) error) error {
	for number := 1; ; number++ {
		var p page[T]
		err := call(ctx, func(ctx context.Context) error {
			p = page[T]{}
			warning, err := c.get(ctx, link, &p)
			if warning != "" {
				warn("%s: %s", pathOf(link), warning)
			}
			return err
		})
		if err != nil {
			return err
		}
		// An answer without a list must not be taken for an empty one.
		if p.Value == nil {
			return provider.Permanent(fmt.Errorf("page %d of %s has no list in it", number, pathOf(link)))
		}
		if err := fn(p.Value); err != nil {
			return err
		}
		if p.NextLink == "" {
			return nil
		}
		next, err := c.next(p.NextLink)
		if err != nil {
			return err
		}
		if next == link {
			return provider.Permanent(fmt.Errorf("page %d of %s leads to itself", number, pathOf(link)))
		}
		link = next
	}
}

// next is the address of the next page, which must be at the same place: the token is sent there.
func (c *client) next(link string) (string, error) {
	u, err := url.Parse(strings.ReplaceAll(link, " ", "%20"))
	if err != nil {
		return "", provider.Permanent(errors.New("the link to the next page is malformed"))
	}
	if u.Host == "" {
		u = c.endpoint.ResolveReference(u)
	}
	if u.Scheme != c.endpoint.Scheme || !strings.EqualFold(u.Host, c.endpoint.Host) || u.User != nil {
		return "", provider.Permanent(fmt.Errorf("the link to the next page leads to another server, %q", u.Host))
	}
	return u.String(), nil
}

// pathOf names a link in messages, without its query, which may hold a token for paging.
func pathOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return "a list"
	}
	return u.Path
}

// graphAnswer is a page of Resource Graph.
type graphAnswer[T any] struct {
	Total     int64  `json:"totalRecords"`
	Data      []T    `json:"data"`
	Truncated string `json:"resultTruncated"`
	SkipToken string `json:"$skipToken"`
}

// graph asks Resource Graph for rows of one subscription, page by page.
func graph[T any](ctx context.Context, c *client, call caller, subscription, query string, fn func([]T) error) error {
	options := map[string]any{"resultFormat": "objectArray", "$top": 1000}
	link := c.link("/providers/Microsoft.ResourceGraph/resources", "2022-10-01")
	for {
		var a graphAnswer[T]
		err := call(ctx, func(ctx context.Context) error {
			a = graphAnswer[T]{}
			warning, err := c.post(ctx, link, map[string]any{"subscriptions": []string{subscription}, "query": query, "options": options}, &a)
			if err == nil && warning != "" {
				return provider.Permanent(errors.New(warning)) // a shortcut that is not understood is none
			}
			return err
		})
		if err != nil {
			return err
		}
		if a.Data == nil {
			return provider.Permanent(errors.New("an answer of Resource Graph has no rows in it"))
		}
		if err := fn(a.Data); err != nil {
			return err
		}
		switch {
		case a.SkipToken == "" && a.Truncated == "true":
			return provider.Permanent(errors.New("Resource Graph has cut its answer"))
		case a.SkipToken == "":
			return nil
		case options["$skipToken"] == a.SkipToken:
			return provider.Permanent(errors.New("a page of Resource Graph leads to itself"))
		}
		options["$skipToken"] = a.SkipToken
	}
}

// problem is the form of Resource Manager's errors.
type problem struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	// Some services leave the envelope out.
	Code    string `json:"code"`
	Message string `json:"message"`
}

func readProblem(body []byte) (code, message string) {
	var p problem
	_ = json.Unmarshal(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), &p) // no JSON is no code
	if p.Error.Code != "" || p.Error.Message != "" {
		return p.Error.Code, p.Error.Message
	}
	return p.Code, p.Message
}
