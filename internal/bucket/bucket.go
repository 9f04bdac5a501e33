// Package bucket is all that is said to the S3 storage of files: MinIO, AWS or another. It knows keys
// and sizes, and nothing of what the files are.
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

// callTimeout bounds each request of the storage, with its repetitions.
const callTimeout = 5 * time.Second

// attempts are how often a request is made, within that time, while the storage fails.
const attempts = 3

// Settings of a Bucket.
type Settings struct {
	// Endpoint is the URL where Foyer, and nginx for it, reach the storage: http or https, without a path.
	Endpoint string
	// PublicEndpoint is where browsers reach it.
	PublicEndpoint string
	// Name is the bucket's.
	Name, Region         string
	AccessKey, SecretKey string
	// SessionToken belongs to temporary credentials; empty for others.
	SessionToken string
}

// Bucket is one bucket of the storage. It is safe for concurrent use; make one and keep it.
type Bucket struct {
	settings Settings
	endpoint *url.URL
	client   *minio.Client // of the endpoint
	public   *minio.Client // of the public endpoint: it presigns, and connects to nothing
}

// Open returns a Bucket. It does not connect: the storage may come up later.
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
		Region:       s.Region, // else it would be asked for
		BucketLookup: minio.BucketLookupPath,
		MaxRetries:   attempts,
	})
	return at, client, err
}

// errEndpoint does not repeat the URL: it may have a password in it.
var errEndpoint = errors.New("not http://HOST[:PORT] or https://HOST[:PORT]")

// Endpoint reads the URL of a storage. Its port is left out where it is the scheme's own, as clients
// leave it out in the header that is signed.
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

// IsName reports whether a text can be the name of a bucket.
func IsName(text string) bool { return s3utils.CheckValidBucketNameStrict(text) == nil }

// Name is the bucket's.
func (b *Bucket) Name() string { return b.settings.Name }

// Stat returns the size of an object in bytes. NotFound when there is none. As with every request,
// Unavailable means that the storage is away, or did not answer as it should within 5 s.
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
	// The storage says the same where the whole bucket is not there: that is no news of the object.
	if there, err := b.client.BucketExists(ctx, b.Name()); err != nil || !there {
		return 0, away(errors.Join(err, errors.New("no such bucket")), "look for", key)
	}
	return 0, fault.New(fault.NotFound, "there is no such file")
}

// ErrStyle is that of a storage that wants the bucket's name in its own (virtual-host style). Foyer puts it into the
// path.
var ErrStyle = errors.New("the storage wants the bucket's name in front of its own (virtual-host style), " +
	"and Foyer puts it into the path")

// Check looks for an object that is not there, and says why the storage does not let us: unlike Stat it gets an answer
// with a body, which has the storage's own reason. Who may not list the bucket is told that it may not be read.
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
		return fmt.Errorf("%w: %s", ErrStyle, said.Code) // each maker has a code of its own, with such a message
	}
	return away(err, "look for", key)
}

// Delete deletes an object. One that is not there is fine.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := b.client.RemoveObject(ctx, b.Name(), key, minio.RemoveObjectOptions{})
	if err != nil && minio.ToErrorResponse(err).Code != minio.NoSuchKey {
		return away(err, "delete", key)
	}
	return nil
}

// away is the error of a request that the storage did not answer as it should.
func away(err error, what, key string) error {
	return fault.From(fmt.Errorf("%s object %s: %w", what, key, err), fault.Unavailable,
		"the storage of recordings cannot be reached; try again soon")
}

// Presign returns a URL at which anybody gets an object for some time, as a download under a file name
// of plain letters. It asks nobody: whether there is such an object is seen by whoever follows it.
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
