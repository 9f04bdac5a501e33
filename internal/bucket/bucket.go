// Package bucket has all communication with the S3 storage of files: MinIO, AWS or another. It knows keys and sizes,
// and nothing about the content.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"foyer/internal/fault"
)

// callTimeout is the time limit of each request to the storage, including its retries.
const callTimeout = 5 * time.Second

// attempts is the maximum number of attempts within that time.
const attempts = 3

// Settings of a Bucket.
type Settings struct {
	// Endpoint is the storage's URL for Foyer and nginx: http or https, without a path.
	Endpoint string
	// PublicEndpoint is the storage's URL for browsers.
	PublicEndpoint string
	// Name is the name of the bucket.
	Name, Region         string
	AccessKey, SecretKey string
	// SessionToken belongs to temporary credentials; empty for others.
	SessionToken string
}

// Bucket is one bucket of the storage. It is safe for concurrent use; create one and keep it.
type Bucket struct {
	settings Settings
	endpoint *url.URL
	client   *minio.Client // for the endpoint
	public   *minio.Client // for the public endpoint: it only presigns, and never connects
}

// Open returns a Bucket. It does not connect, so the storage can start later.
func Open(s Settings) (*Bucket, error) {
	endpoint, client, err := connect(s, s.Endpoint)
	if err != nil {
		return nil, err
	}
	_, public, err := connect(s, s.PublicEndpoint)
	if err != nil {
		return nil, err
	}
	return &Bucket{settings: s, endpoint: endpoint, client: client, public: public}, nil
}

func connect(s Settings, endpoint string) (*url.URL, *minio.Client, error) {
	at, err := Endpoint(endpoint)
	if err != nil {
		return nil, nil, err
	}
	client, err := minio.New(at.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(s.AccessKey, s.SecretKey, s.SessionToken),
		Secure:       at.Scheme == "https",
		Region:       s.Region, // otherwise the client would request it
		BucketLookup: minio.BucketLookupPath,
		MaxRetries:   attempts,
	})
	return at, client, err
}

// errEndpoint does not contain the URL, which may contain a password.
var errEndpoint = errors.New("not http://HOST[:PORT] or https://HOST[:PORT]")

// Endpoint reads the URL of a storage. It leaves out the scheme's default port, as clients do in the signed header.
func Endpoint(text string) (*url.URL, error) {
	text = strings.TrimSuffix(text, "/")
	at, err := url.Parse(text)
	if err != nil || at.Hostname() == "" || text != at.Scheme+"://"+at.Host {
		return nil, errEndpoint
	}
	switch at.Scheme {
	case "http":
		at.Host = strings.TrimSuffix(at.Host, ":80")
	case "https":
		at.Host = strings.TrimSuffix(at.Host, ":443")
	default:
		return nil, errEndpoint
	}
	return at, nil
}

// IsName reports whether a text is a valid bucket name.
func IsName(text string) bool { return s3utils.CheckValidBucketNameStrict(text) == nil }

// Name returns the name of the bucket.
func (b *Bucket) Name() string { return b.settings.Name }

// Stat returns the size of an object in bytes; NotFound if there is none. As for every request, Unavailable means that
// the storage cannot be reached, or did not answer as expected within 5 s.
func (b *Bucket) Stat(ctx context.Context, key string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	object, err := b.client.StatObject(ctx, b.Name(), key, minio.StatObjectOptions{})
	switch {
	case err == nil:
		return object.Size, nil
	case minio.ToErrorResponse(err).Code != minio.NoSuchKey:
		return 0, away(err, "look for", key)
	}
	// The answer is the same if the whole bucket is missing, which says nothing about the object.
	if there, err := b.client.BucketExists(ctx, b.Name()); err != nil || !there {
		return 0, away(errors.Join(err, errors.New("no such bucket")), "look for", key)
	}
	return 0, fault.New(fault.NotFound, "there is no such file")
}

// ErrStyle means that the storage requires the bucket's name in the host name (virtual-host style). Foyer puts it into
// the path.
var ErrStyle = errors.New("the storage requires the bucket's name in front of its own (virtual-host style), " +
	"and Foyer puts it into the path")

// Check reads an object that does not exist, and returns why the storage refuses Foyer. Unlike Stat, it gets an answer
// with a body that contains the reason. Without the right to list the bucket, the reason is that it may not be read.
func (b *Bucket) Check(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, _, _, err := minio.Core{Client: b.client}.GetObject(ctx, b.Name(), key, minio.GetObjectOptions{})
	if err == nil {
		return body.Close()
	}
	switch said := minio.ToErrorResponse(err); {
	case said.Code == minio.NoSuchKey:
		return nil
	case said.Code == "SecondLevelDomainForbidden", strings.Contains(strings.ToLower(said.Message), "virtual"):
		return fmt.Errorf("%w: %s", ErrStyle, said.Code) // each product has its own code, with such a message
	}
	return away(err, "look for", key)
}

// Delete deletes an object. A missing object is not an error.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := b.client.RemoveObject(ctx, b.Name(), key, minio.RemoveObjectOptions{})
	if err != nil && minio.ToErrorResponse(err).Code != minio.NoSuchKey {
		return away(err, "delete", key)
	}
	return nil
}

// away is the error of a request that the storage did not answer as expected.
func away(err error, what, key string) error {
	return fault.From(fmt.Errorf("%s object %s: %w", what, key, err), fault.Unavailable,
		"the storage of recordings cannot be reached; try again soon")
}

// Presign returns a URL at which everybody can download an object for some time, as a file with a name of plain
// letters. It sends no request, so it does not check whether the object exists.
func (b *Bucket) Presign(
	ctx context.Context, key, filename string, lifetime time.Duration,
) (string, error) {
	at, err := b.public.Presign(ctx, http.MethodGet, b.Name(), key, lifetime, url.Values{
		"response-content-disposition": {fmt.Sprintf("attachment; filename=%q", filename)},
		"response-cache-control":       {"no-store"},
	})
	if err != nil {
		return "", fmt.Errorf("presign object %s: %w", key, err)
	}
	return at.String(), nil
}
