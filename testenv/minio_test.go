package testenv_test

import (
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/notification"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/testenv"
)

func TestBucketOfATestIsItsOwn(t *testing.T) {
	t.Parallel()
	mine, other := testenv.Bucket(t), testenv.Bucket(t)
	mine.Put(t, "recordings/one.mp4", "what was recorded")
	assert.True(t, mine.Has(t, "recordings/one.mp4"))
	assert.False(t, other.Has(t, "recordings/one.mp4"))
}

func TestMinIOKeepsItsPortAndObjectsOverARestart(t *testing.T) {
	t.Parallel()
	server := testenv.StartMinIO(t, "", "")
	before, bucket := server.URL(), server.Bucket(t)
	bucket.Put(t, "recordings/one.mp4", "what was recorded")
	server.Stop()
	assert.Error(t, testenv.GetMinIO(before)(t.Context()))
	server.Start(t)
	assert.Equal(t, before, server.URL())
	assert.True(t, bucket.Has(t, "recordings/one.mp4"))
}

func TestMinIOHasTheWebhookThatItWasGiven(t *testing.T) {
	t.Parallel()
	server := testenv.StartMinIO(t, "http://127.0.0.1:1/webhooks/storage", "Bearer secret")
	bucket := server.Bucket(t)
	arn, err := notification.NewArnFromString(testenv.MinIOHook)
	require.NoError(t, err)
	config := notification.NewConfig(arn)
	config.AddEvents(notification.ObjectCreatedAll)
	settings := notification.Configuration{}
	settings.AddQueue(config)
	require.NoError(t, bucket.Client.SetBucketNotification(t.Context(), bucket.Name, settings))
	stored, err := bucket.Client.GetBucketNotification(t.Context(), bucket.Name)
	require.NoError(t, err)
	require.Len(t, stored.QueueConfigs, 1)
	assert.True(t, strings.HasPrefix(stored.QueueConfigs[0].Queue, "arn:minio:sqs:"))
}
