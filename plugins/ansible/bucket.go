package ansible

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/sync/errgroup"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
)

// bucket reads the objects directly below a prefix.
type bucket struct{ settings Settings }

func newBucket(s Settings) (source, error) {
	if s.Bucket == "" {
		return nil, &provider.SettingsError{Pointer: "/bucket", Problem: "is needed for s3"}
	}
	return bucket{s}, nil
}

func (b bucket) client(ctx context.Context) (*s3.Client, error) {
	bundle := os.Getenv("AWS_CA_BUNDLE")
	var authorities []byte
	if bundle != "" {
		var err error
		if authorities, err = os.ReadFile(bundle); err != nil {
			return nil, permanent(fmt.Errorf("read AWS_CA_BUNDLE: %w", err), "check the path, on the machine of the agent")
		}
	}
	web, err := httpclient.New(httpclient.Options{CA: authorities})
	if err != nil {
		return nil, err
	}
	region := b.settings.Region
	if region == "" {
		region = firstOf(os.Getenv("AWS_REGION"), "us-east-1")
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region), func(o *config.LoadOptions) error {
		if bundle == "" { // the library refuses clients but its own beside it
			o.HTTPClient = web
		}
		o.Retryer = func() aws.Retryer { return aws.NopRetryer{} } // our SDK repeats
		return nil
	})
	if err != nil {
		return nil, provider.Denied(fmt.Errorf("find AWS credentials: %w", err), "give the credential AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run the agent where a role is at hand")
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.HTTPClient, o.DisableLogOutputChecksumValidationSkipped = web, true
		if b.settings.Endpoint != "" {
			o.BaseEndpoint, o.UsePathStyle = &b.settings.Endpoint, true
		}
	}), nil
}

func (b bucket) fetch(ctx context.Context, calls caller, wanted func(string) bool) (*folder, error) {
	client, err := b.client(ctx)
	if err != nil {
		return nil, err
	}
	f, err := temporary()
	if err != nil {
		return nil, err
	}
	if err := b.bring(ctx, client, calls, f, wanted); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	return f.done()
}

func (b bucket) bring(ctx context.Context, client *s3.Client, calls caller, f *folder, wanted func(string) bool) error {
	slash := "/"
	ask := &s3.ListObjectsV2Input{Bucket: &b.settings.Bucket, Prefix: &b.settings.Prefix, Delimiter: &slash}
	for files := 0; ; {
		var page *s3.ListObjectsV2Output
		err := calls.Call(ctx, transfer, func(ctx context.Context) (err error) {
			page, err = client.ListObjectsV2(ctx, ask)
			return classifyS3(err, "s3:ListBucket")
		})
		if err != nil {
			return err
		}
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(8)
		for _, o := range page.Contents {
			host := hostOf(path.Base(aws.ToString(o.Key)))
			if host == "" || !wanted(host) || aws.ToInt64(o.Size) == 0 && aws.ToString(o.Key) == b.settings.Prefix {
				continue
			}
			if files++; files > maxFiles {
				return errors.Join(provider.Permanent(fmt.Errorf("more than %d fact files", maxFiles)), group.Wait())
			}
			group.Go(func() error { return b.object(ctx, client, calls, f, host, aws.ToString(o.Key)) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if !aws.ToBool(page.IsTruncated) {
			return nil
		}
		ask.ContinuationToken = page.NextContinuationToken
	}
}

// object brings one file. One that may not be read, or is gone since the listing, is no error of the others.
func (b bucket) object(ctx context.Context, client *s3.Client, calls caller, f *folder, host, key string) error {
	err := calls.Call(ctx, transfer, func(ctx context.Context) error {
		got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.settings.Bucket, Key: &key})
		if err != nil {
			return classifyS3(err, "s3:GetObject")
		}
		return httpclient.Classify(errors.Join(f.add(0, host, got.Body), got.Body.Close()))
	})
	var gone *types.NoSuchKey
	switch {
	case errors.As(err, &gone):
		return nil
	case refused(err):
		f.miss(host, err)
		return nil
	case err != nil:
		return fmt.Errorf("read %s: %w", key, err)
	}
	return nil
}

func classifyS3(err error, action string) error {
	if err == nil {
		return nil
	}
	var api smithy.APIError
	var answer *smithyhttp.ResponseError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "NoSuchBucket":
			return permanent(err, "check the bucket's name")
		case "SlowDown", "RequestLimitExceeded", "ThrottlingException":
			return provider.Throttled(err, 0)
		case "RequestTimeTooSkewed":
			return provider.Denied(err, "the clock of this machine is off: set it, then try again")
		case "PermanentRedirect", "AuthorizationHeaderMalformed":
			return permanent(err, "the bucket lies in another region: change the setting")
		case "AccessDenied":
			return provider.Denied(err, "allow "+action+" on the bucket")
		}
	}
	// Without a status nobody answered; a good one with an error was cut in the middle, or is no answer of S3.
	if errors.As(err, &answer) && answer.HTTPStatusCode() != 0 {
		header := http.Header{}
		if answer.Response != nil && answer.Response.Response != nil {
			header = answer.Response.Header
		}
		if answer.HTTPStatusCode() < 300 && !strings.Contains(header.Get("Content-Type"), "html") {
			return provider.Unreachable(err)
		}
		return httpclient.Answer(answer.HTTPStatusCode(), header, nil, err)
	}
	return httpclient.Classify(err)
}
