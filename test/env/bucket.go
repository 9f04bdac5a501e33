package env

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/notification"
)

// S3Bucket is a bucket of a test's own, and how to reach it.
type S3Bucket struct {
	Endpoint, Name    string
	AccessKey, Secret string
	// SessionToken belongs to Temporary credentials.
	SessionToken string
	// Client has all rights at this MinIO.
	Client *minio.Client
}

// Bucket returns an empty bucket of the test's own at the MinIO that all tests share.
func Bucket(t testing.TB) S3Bucket {
	t.Helper()
	url := setting(t, EnvS3URL)
	answered(t, "MinIO", GetMinIO(url)(t.Context()))
	return newBucket(t, url, setting(t, EnvS3Key), setting(t, EnvS3Secret))
}

// Bucket returns an empty bucket of the server.
func (s *MinIOServer) Bucket(t testing.TB) S3Bucket {
	t.Helper()
	return newBucket(t, s.URL(), s.Key(), s.Secret())
}

func newBucket(t testing.TB, endpoint, key, secret string) S3Bucket {
	t.Helper()
	at, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true} // tests count goroutines
	client, err := minio.New(at.Host, &minio.Options{
		Creds: credentials.NewStaticV4(key, secret, ""), Transport: transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	b := S3Bucket{
		Endpoint: endpoint, Name: strings.ReplaceAll(ownName(), "_", "-"),
		AccessKey: key, Secret: secret, Client: client,
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := client.MakeBucket(ctx, b.Name, minio.MakeBucketOptions{}); err != nil {
		t.Fatalf("make a bucket: %v", err)
	}
	return b
}

// Temporary returns the bucket with credentials that end within the hour (AWS's Security Token
// Service, as MinIO speaks it).
func (b S3Bucket) Temporary(t testing.TB) S3Bucket {
	t.Helper()
	sts, err := credentials.NewSTSAssumeRole(b.Endpoint, credentials.STSAssumeRoleOptions{
		AccessKey: b.AccessKey, SecretKey: b.Secret, DurationSeconds: 3600,
	})
	if err != nil {
		t.Fatal(err)
	}
	value, err := sts.GetWithContext(&credentials.CredContext{
		Client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
	if err != nil {
		t.Fatalf("assume a role: %v", err)
	}
	b.AccessKey, b.Secret = value.AccessKeyID, value.SecretAccessKey
	b.SessionToken = value.SessionToken
	return b
}

// Environ returns the settings with which a server keeps its recordings in the bucket.
func (b S3Bucket) Environ() []string {
	return []string{
		"S3_ENDPOINT=" + b.Endpoint, "S3_BUCKET=" + b.Name,
		"S3_ACCESS_KEY=" + b.AccessKey, "S3_SECRET_KEY=" + b.Secret,
		"S3_SESSION_TOKEN=" + b.SessionToken,
	}
}

// Notify makes MinIO report stored and deleted objects of the bucket to the webhook of its MinIOServer.
func (b S3Bucket) Notify(t testing.TB) {
	t.Helper()
	hook := notification.NewConfig(notification.NewArn("minio", "sqs", "", "FOYER", "webhook"))
	hook.AddEvents(notification.ObjectCreatedAll, notification.ObjectRemovedAll)
	var all notification.Configuration
	all.AddQueue(hook)
	if err := b.Client.SetBucketNotification(t.Context(), b.Name, all); err != nil {
		t.Fatalf("have the bucket tell of its objects: %v", err)
	}
}

// Put stores an object.
func (b S3Bucket) Put(t testing.TB, key, content string) {
	t.Helper()
	if err := b.put(key, content); err != nil {
		t.Fatalf("store %s: %v", key, err)
	}
}

func (b S3Bucket) put(key, content string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := b.Client.PutObject(ctx, b.Name, key, strings.NewReader(content),
		int64(len(content)), minio.PutObjectOptions{})
	return err
}

// Has reports whether there is an object.
func (b S3Bucket) Has(t testing.TB, key string) bool {
	t.Helper()
	_, err := b.Client.StatObject(t.Context(), b.Name, key, minio.StatObjectOptions{})
	if err != nil && minio.ToErrorResponse(err).StatusCode != http.StatusNotFound {
		t.Fatalf("look for %s: %v", key, err)
	}
	return err == nil
}

// Remove deletes an object.
func (b S3Bucket) Remove(t testing.TB, key string) {
	t.Helper()
	err := b.Client.RemoveObject(t.Context(), b.Name, key, minio.RemoveObjectOptions{})
	if err != nil {
		t.Fatalf("delete %s: %v", key, err)
	}
}
