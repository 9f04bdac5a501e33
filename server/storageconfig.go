package main

import (
	"fmt"
	"regexp"
	"time"

	"foyer/internal/bucket"
)

// maxDownloadTTL is how long S3 lets a presigned URL live.
const maxDownloadTTL = 7 * 24 * time.Hour

// sharedSecret is what a secret that stands in other programs' settings may be: nothing in it has a
// meaning to nginx, to a shell or in an HTTP header.
var sharedSecret = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]{32,}$`)

// checkStorage returns what is wrong with where recordings are kept. No message holds a secret.
func (c *config) checkStorage() []error {
	var problems []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	for name, secret := range map[string]string{
		"FOYER_MEDIA_SECRET": c.MediaSecret, "FOYER_STORAGE_WEBHOOK_SECRET": c.StorageSecret,
	} {
		wrong(secret != "" && !sharedSecret.MatchString(secret),
			"%s is not 32 or more letters, digits or ._~+/=-", name)
	}
	wrong(c.DownloadTTL >= minDuration && c.DownloadTTL < time.Second ||
		c.DownloadTTL > maxDownloadTTL && c.DownloadTTL <= maxDuration,
		"FOYER_RECORDING_DOWNLOAD_TTL is not between 1s and %s", maxDownloadTTL)
	if c.S3Endpoint == "" {
		wrong(c.DownloadURLs || c.MediaSecret+c.StorageSecret+c.S3PublicEndpoint+
			c.S3Bucket+c.S3AccessKey+c.S3SecretKey+c.S3SessionToken != "",
			"S3_ENDPOINT is not set, but other settings of the storage are")
		return problems
	}
	for name, endpoint := range map[string]string{
		"S3_ENDPOINT": c.S3Endpoint, "S3_PUBLIC_ENDPOINT": c.S3PublicEndpoint,
	} {
		_, err := bucket.Endpoint(endpoint)
		wrong(endpoint != "" && err != nil, "%s is %v", name, err)
	}
	wrong(!bucket.IsName(c.S3Bucket), "S3_BUCKET is not the name of a bucket: 3 to 63 of a-z, 0-9, - and .")
	wrong(c.S3AccessKey == "" || c.S3SecretKey == "", "S3_ACCESS_KEY and S3_SECRET_KEY are not both set")
	wrong(c.PublicURL == "" && c.OIDCIssuer == "" && c.SMTPURL == "" && !c.development(),
		"FOYER_PUBLIC_URL is not set: recordings would have no addresses")
	return problems
}

// bucket returns the settings of the bucket; ok is false when recordings are kept nowhere.
func (c *config) bucket() (s bucket.Settings, ok bool) {
	return bucket.Settings{
		Endpoint: c.S3Endpoint, PublicEndpoint: c.S3PublicEndpoint, Name: c.S3Bucket, Region: c.S3Region,
		AccessKey: c.S3AccessKey, SecretKey: c.S3SecretKey, SessionToken: c.S3SessionToken,
	}, c.S3Endpoint != ""
}
