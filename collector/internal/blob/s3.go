package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"
)

// Secret is text that does not print.
type Secret string

func (Secret) String() string               { return "[secret]" }
func (Secret) GoString() string             { return "[secret]" }
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// S3Options say which bucket is used, and as whom.
type S3Options struct {
	// Endpoint is the server's address; "" is Amazon's of the region.
	Endpoint string
	Region   string
	Bucket   string
	// Prefix begins every object's name; it ends with a slash or is empty.
	Prefix    string
	AccessKey string
	SecretKey Secret
	// PathStyle names the bucket in the path, as most servers but Amazon's want it.
	PathStyle bool
}

// S3 keeps contents as objects of a bucket.
type S3 struct {
	client *s3.Client
	opt    S3Options
}

// s3Within bounds one request, with what is tried again.
const s3Within = 30 * time.Second

// NewS3 checks what can be checked without asking the server.
func NewS3(opt S3Options) (*S3, error) {
	switch u, err := url.Parse(opt.Endpoint); {
	case opt.Bucket == "" || opt.Region == "":
		return nil, errors.New("want bucket and region")
	case opt.AccessKey == "" || opt.SecretKey == "":
		return nil, errors.New("want access_key and secret_key_file")
	case opt.Endpoint != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http"):
		return nil, errors.New("the endpoint is not like https://s3.example.org")
	case strings.HasPrefix(opt.Prefix, "/") || opt.Prefix != "" && !strings.HasSuffix(opt.Prefix, "/"):
		return nil, errors.New("the prefix is not like maestro/")
	}
	o := s3.Options{Region: opt.Region, UsePathStyle: opt.PathStyle,
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(opt.AccessKey, string(opt.SecretKey), ""))}
	if opt.Endpoint != "" {
		o.BaseEndpoint = aws.String(opt.Endpoint)
		// Other servers do not all know the newer checksums.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	}
	return &S3{s3.New(o), opt}, nil
}

func (s *S3) key(tenant, id string) *string {
	return aws.String(s.opt.Prefix + folder(tenant) + "/" + id)
}

// s3Parallel is how many requests of one call are under way at a time.
const s3Parallel = 8

// Put writes objects, several at a time.
func (s *S3) Put(ctx context.Context, tenant string, contents ...Content) error {
	if err := check(contents); err != nil {
		return err
	}
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(s3Parallel)
	for _, c := range contents {
		all.Go(func() error { return s.put(ctx, tenant, c.ID, c.Bytes) })
	}
	return all.Wait()
}

func (s *S3) put(ctx context.Context, tenant, id string, content []byte) error {
	ctx, cancel := context.WithTimeout(ctx, s3Within)
	defer cancel()
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.opt.Bucket, Key: s.key(tenant, id), Body: bytes.NewReader(content),
		ContentLength: aws.Int64(int64(len(content))), ContentType: aws.String("application/octet-stream")})
	if err != nil {
		return fmt.Errorf("write upload to %s: %w", s.opt.Bucket, err)
	}
	return nil
}

// Get reads it.
func (s *S3) Get(ctx context.Context, tenant, id string) ([]byte, error) {
	if CheckID(id) != nil {
		return nil, ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, s3Within)
	defer cancel()
	got, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.opt.Bucket, Key: s.key(tenant, id)})
	if missing(err) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read upload from %s: %w", s.opt.Bucket, err)
	}
	defer func() { _ = got.Body.Close() }() // only read
	return readAll(got.Body)
}

// Delete removes objects, several at a time: not every store knows the request that removes many.
func (s *S3) Delete(ctx context.Context, tenant string, ids ...string) error {
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(s3Parallel)
	for _, id := range ids {
		if CheckID(id) == nil { // else nothing was ever kept under it
			all.Go(func() error { return s.remove(ctx, tenant, id) })
		}
	}
	return all.Wait()
}

func (s *S3) remove(ctx context.Context, tenant, id string) error {
	ctx, cancel := context.WithTimeout(ctx, s3Within)
	defer cancel()
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.opt.Bucket, Key: s.key(tenant, id)})
	if err != nil && !missing(err) {
		return fmt.Errorf("delete upload in %s: %w", s.opt.Bucket, err)
	}
	return nil
}

// missing is the one error that means that an object is not there: a bucket that is not there is a mistake, not an absence.
func missing(err error) bool {
	var (
		noKey *types.NoSuchKey
		api   smithy.APIError
	)
	return errors.As(err, &noKey) || errors.As(err, &api) && api.ErrorCode() == "NoSuchKey"
}
