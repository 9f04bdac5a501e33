package env_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"foyer/test/env"
)

func TestEachTestHasItsOwnBucket(t *testing.T) {
	t.Parallel()
	mine, other := env.Bucket(t), env.Bucket(t)
	mine.Put(t, "recordings/one.mp4", "what was recorded")
	assert.True(t, mine.Has(t, "recordings/one.mp4"))
	assert.False(t, other.Has(t, "recordings/one.mp4"))
}

func TestMinIOKeepsItsPortAndObjectsOverARestart(t *testing.T) {
	t.Parallel()
	server := env.StartMinIO(t, "", "")
	before, bucket := server.URL(), server.Bucket(t)
	bucket.Put(t, "recordings/one.mp4", "what was recorded")
	server.Stop()
	assert.Error(t, env.GetMinIO(before)(t.Context()))
	server.Start(t)
	assert.Equal(t, before, server.URL())
	assert.True(t, bucket.Has(t, "recordings/one.mp4"))
}

func TestMinIOReportsObjectsToItsWebhook(t *testing.T) {
	t.Parallel()
	told := make(chan string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodPost {
			told <- r.Header.Get("Authorization") + " " + string(body)
		}
	}))
	t.Cleanup(hook.Close)
	bucket := env.StartMinIO(t, hook.URL, "a-secret").Bucket(t)
	bucket.Notify(t)
	bucket.Put(t, "recordings/one.mp4", "what was recorded")
	select {
	case event := <-told:
		assert.Contains(t, event, "Bearer a-secret")
		assert.Contains(t, event, "recordings%2Fone.mp4")
	case <-time.After(30 * time.Second):
		t.Fatal("it tells nothing")
	}
}
