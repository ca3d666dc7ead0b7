package collector

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"maestro.internal/collector/internal/blob"
	"maestro.internal/collector/internal/store"
)

// UploadsConfig says where pictures and files that people brought are kept.
type UploadsConfig struct {
	Store string   `yaml:"store" help:"Where uploaded pictures and files are kept: database (in backups too), disk, or s3."`
	Dir   string   `yaml:"dir" help:"Folder for disk; uploads in data_dir when empty."`
	S3    S3Config `yaml:"s3"`
}

// S3Config names a bucket of any S3-compatible store.
type S3Config struct {
	Endpoint  string `yaml:"endpoint" help:"Address of the S3-compatible store, for example https://s3.example.org; Amazon's when empty."`
	Region    string `yaml:"region" help:"Region of the bucket; us-east-1 where the store has none."`
	Bucket    string `yaml:"bucket" help:"The bucket; it has to be there."`
	Prefix    string `yaml:"prefix" help:"What names of objects begin with, for example maestro/."`
	AccessKey string `yaml:"access_key" help:"Access key id; it needs to read, write and delete objects below the prefix."`
	SecretKey string `yaml:"secret_key_file" help:"File of the secret access key."`
	PathStyle bool   `yaml:"path_style" help:"Name the bucket in the path instead of the host, as most stores but Amazon's want it."`
}

func (c *UploadsConfig) check() error {
	switch c.Store {
	case "database", "disk":
		return nil
	case "s3":
		if c.S3.SecretKey == "" {
			return errors.New("uploads.s3.secret_key_file: want the file of the secret access key")
		}
		return nil
	}
	return fmt.Errorf("uploads.store: %q is none of database, disk, s3", c.Store)
}

// outside says where contents of uploads lie that are not in the store; "" for nowhere.
func (c *Config) outside() string {
	switch c.Uploads.Store {
	case "disk":
		return c.uploadsDir()
	case "s3":
		return "the bucket " + c.Uploads.S3.Bucket
	}
	return ""
}

func (c *Config) uploadsDir() string {
	return cmp.Or(c.Uploads.Dir, filepath.Join(c.DataDir, "uploads"))
}

// contents opens the store of uploads; close is to be called at the end.
func (c *Config) contents(rows store.Store) (contents blob.Store, closeIt func() error, err error) {
	nothing := func() error { return nil }
	switch c.Uploads.Store {
	case "disk":
		d, err := blob.NewDisk(c.uploadsDir())
		if err != nil {
			return nil, nothing, fmt.Errorf("uploads.dir: %w", err)
		}
		return d, d.Close, nil
	case "s3":
		x := c.Uploads.S3
		secret, err := os.ReadFile(x.SecretKey)
		if err != nil {
			return nil, nothing, fmt.Errorf("uploads.s3.secret_key_file: %w", err)
		}
		s, err := blob.NewS3(blob.S3Options{Endpoint: x.Endpoint, Region: x.Region, Bucket: x.Bucket, Prefix: x.Prefix, AccessKey: x.AccessKey,
			SecretKey: blob.Secret(strings.TrimSpace(string(secret))), PathStyle: x.PathStyle})
		if err != nil {
			return nil, nothing, fmt.Errorf("uploads.s3: %w", err)
		}
		return s, nothing, nil
	}
	return blob.NewRows(rows), nothing, nil
}
