package config

import (
	"time"

	"foyer/internal/bucket"
)

// Recordings is how meetings are recorded, and how people get the files.
type Recordings struct {
	Layout       string        `env:"FOYER_RECORDING_LAYOUT" envDefault:"speaker" check:"at most 200 bytes" doc:"The layout of a SCREEN recording: 'speaker', 'grid' or 'single-speaker', each also with '-light', or one of your own egress templates."`
	Notice       string        `env:"FOYER_RECORDING_NOTICE" check:"text of at most 2000 bytes" doc:"The text that people see while they are recorded, and consent to by staying: 'roomStatus.recordingNotice'."`
	ExpiryDays   int           `env:"FOYER_RECORDING_EXPIRY_DAYS" envDefault:"0" check:"0..36500" doc:"After how many days Foyer hides and deletes a recording; '0' is never. A change applies to later recordings."`
	StartTimeout time.Duration `env:"FOYER_RECORDING_START_TIMEOUT" envDefault:"1m" check:"1ms..8760h" doc:"How long Foyer waits for a recording to begin, before it gives up."`
	StopTimeout  time.Duration `env:"FOYER_RECORDING_STOP_TIMEOUT" envDefault:"10m" check:"1ms..8760h" doc:"How long after a stop Foyer waits for LiveKit to report the end of the recording, before it gives up. If its file comes later, the recording is SAVED all the same."`
	Interval     time.Duration `env:"FOYER_RECORDING_INTERVAL" envDefault:"30s" check:"1ms..8760h" doc:"How often Foyer compares unfinished recordings with LiveKit, and removes expired ones."`
	DownloadURLs bool          `env:"FOYER_RECORDING_DOWNLOAD_URLS" doc:"'Recording.downloadUrl' gives URLs of the bucket itself, for installations without nginx. Anybody with such a URL can read the file until the URL ends."`
	DownloadTTL  time.Duration `env:"FOYER_RECORDING_DOWNLOAD_TTL" envDefault:"5m" check:"1s..168h" doc:"How long such a URL is valid. A download that has begun goes on."`
	S3InRequest  bool          `env:"FOYER_RECORDING_S3_IN_REQUEST" doc:"Each request to the egress service has Foyer's credentials for the bucket. LiveKit keeps requests, so it is better to give the egress service credentials of its own."`
}

// Storage is where recordings are kept. Without an endpoint there are none.
type Storage struct {
	Endpoint       string `env:"S3_ENDPOINT" unset:"no recordings" check:"http://HOST[:PORT] or https://HOST[:PORT]" doc:"Where Foyer and nginx reach the storage: 'http://minio:9000', 'https://s3.eu-west-3.amazonaws.com'. It has to accept the bucket in the path (path style)."`
	PublicEndpoint string `env:"S3_PUBLIC_ENDPOINT" unset:"'S3_ENDPOINT'" check:"http://HOST[:PORT] or https://HOST[:PORT]" doc:"Where browsers reach the storage, for 'Recording.downloadUrl'."`
	Bucket         string `env:"S3_BUCKET" doc:"The bucket: 3 to 63 of a-z, 0-9, - and '.'. It has to exist, and to be closed to everybody without credentials."`
	Region         string `env:"S3_REGION" envDefault:"us-east-1" doc:"The region of the bucket. MinIO accepts any."`
	AccessKey      string `env:"S3_ACCESS_KEY" doc:"Foyer's key at the storage. It may read and delete objects, and list the bucket."`
	SecretKey      string `env:"S3_SECRET_KEY" secret:"all" doc:"The secret of that key."`
	SessionToken   string `env:"S3_SESSION_TOKEN" secret:"all" doc:"The session token of temporary credentials (AWS STS)."`
	MediaSecret    string `env:"FOYER_MEDIA_SECRET" unset:"nginx serves no files" check:"32 or more letters, digits or ._~+/=-" secret:"all" doc:"What nginx sends Foyer in the header 'X-Media-Secret', so that nobody else gets signed requests for the bucket."`
	WebhookSecret  string `env:"FOYER_STORAGE_WEBHOOK_SECRET" unset:"the path answers 404" check:"32 or more letters, digits or ._~+/=-" secret:"all" doc:"What the storage sends to 'POST /webhooks/storage' ('Authorization: Bearer …') when it reports new files."`
}

func (c *Config) checkStorage(p *problems) {
	s := c.Storage
	p.add(c.Recordings.S3InRequest && s.Endpoint == "", "FOYER_RECORDING_S3_IN_REQUEST is set without S3_ENDPOINT")
	if s.Endpoint == "" {
		p.add(c.Recordings.DownloadURLs || s.PublicEndpoint+s.Bucket+s.AccessKey+s.SecretKey+s.SessionToken+
			s.MediaSecret+s.WebhookSecret != "", "S3_ENDPOINT is not set, but other settings of the storage are")
		return
	}
	p.add(!bucket.IsName(s.Bucket), "S3_BUCKET is not the name of a bucket: 3 to 63 of a-z, 0-9, - and .")
	p.add(s.AccessKey == "" || s.SecretKey == "", "S3_ACCESS_KEY and S3_SECRET_KEY are not both set")
}
