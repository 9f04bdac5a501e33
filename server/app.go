package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"foyer/accounts"
	"foyer/accounts/apps"
	"foyer/auth"
	"foyer/ent/database"
	"foyer/graph"
	"foyer/internal/batch"
	"foyer/internal/bucket"
	"foyer/internal/devmode"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/internal/outbox"
	"foyer/internal/ratelimit"
	"foyer/internal/telemetry"
	"foyer/internal/webhook"
	"foyer/lobby"
	"foyer/meetings"
	"foyer/notifications"
	"foyer/recordings"
	"foyer/rooms"
	"foyer/server/config"
	"foyer/web"
)

// app is the whole program: each part is made once, from the parts above it.
type app struct {
	config *config.Config
	// origin is where this server listens, with its scheme.
	origin    string
	db        *database.DB
	redis     redis.UniversalClient
	limits    *ratelimit.Limiter
	addresses *addresses
	// metrics and traces are nil if the settings do not ask for them.
	metrics *telemetry.Metrics
	traces  *telemetry.Traces

	livekit *livekit.Client
	// bucket has the recordings; nil without a storage.
	bucket   *bucket.Bucket
	sessions *auth.Sessions
	callers  *auth.Credentials
	signIn   *signIn
	apps     *apps.Tokens
	accounts *accounts.Service
	rooms    *rooms.Service
	live     *live.Service
	lobby    *lobby.Service
	meetings *meetings.Service

	recordings *recordings.Service

	outbox        *outbox.Outbox
	notifications *notifications.Service

	api       *graph.Handler
	page      *page
	workbench *workbench
	stopping  atomic.Bool
	// untimely: the log has that LiveKit's clock differs. The next accepted event resets it.
	untimely atomic.Bool

	closers []func()
}

func newApp(ctx context.Context, c *config.Config, addr string) (*app, error) {
	a := &app{config: c, origin: "http://" + addr, addresses: newAddresses(c)}
	if err := a.openTelemetry(ctx); err != nil {
		return nil, err
	}
	if err := errors.Join(a.openStores(ctx), a.wire()); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// wire makes the parts, bottom up.
func (a *app) wire() (err error) {
	c := a.config
	if a.db == nil || a.redis == nil {
		return nil // openStores has said why
	}
	a.livekit = livekit.New(a.observedLiveKit())
	if err = a.openBucket(); err != nil {
		return err
	}
	a.limits = ratelimit.New(a.redis, c.Redis.Prefix)
	a.accounts = accounts.New(a.db.Client, a.limits, accountSettings(c))
	a.rooms = rooms.New(a.db.Client, a.accounts, a.limits, roomSettings(c))
	a.wireCredentials()
	if a.signIn, err = newSignIn(a); err != nil {
		return err
	}
	a.live = live.New(a.redis, a.observedLive())
	if a.lobby, err = lobby.New(lobby.Dependencies{
		Live: a.live, Accounts: a.accounts, Rooms: a.rooms, LiveKit: a.livekit, Limiter: a.limits,
	}, lobbySettings(c)); err != nil {
		return err
	}
	a.outbox = outbox.New(a.db.Client, outboxSettings(c))
	if err := a.wireRecordings(); err != nil {
		return err
	}
	a.meetings = meetings.New(meetings.Dependencies{
		Rooms: a.rooms, Lobby: a.lobby, Live: a.live, LiveKit: a.livekit, Recordings: a.recordings,
	}, meetingSettings(c))
	if a.apps, err = apps.NewTokens(a.db.Client, a.redis, a.accounts, appSettings(c)); err != nil {
		return err
	}
	return errors.Join(a.wireAPI(), a.wirePages())
}

// wireAPI makes the GraphQL API.
func (a *app) wireAPI() error {
	settings, err := graphSettings(a.config)
	if err != nil {
		return err
	}
	settings.Credentials, settings.Life = a.credentials, a.sessions.Life
	settings.Metrics, settings.Traces = a.metrics, a.traces
	a.api = graph.NewHandler(&graph.Resolver{
		Accounts: a.accounts, Rooms: a.rooms, Lobby: a.lobby, Meetings: a.meetings, Notifications: a.notifications,
		Sessions: a.sessions, Recordings: a.recordings,
		Offers: graph.Capabilities{SignIn: a.signIn != nil, Invitations: sendMail(a.config) != nil,
			Recordings: a.bucket != nil},
	}, settings)
	a.readMetrics()
	return nil
}

// wirePages makes the page and GraphiQL.
func (a *app) wirePages() (err error) {
	if a.page, err = newPage(web.Page(), a.config.LiveKit.PublicURL); err != nil {
		return err
	}
	a.workbench, err = newWorkbench(web.GraphiQL(), web.Examples())
	return err
}

// wireRecordings makes recordings and notifications, which report what becomes of recordings.
func (a *app) wireRecordings() error {
	sender, err := webhook.NewSender(webhookSettings(a.config))
	if err != nil {
		return err
	}
	a.notifications, err = notifications.New(notifications.Dependencies{
		DB: a.db.Client, Accounts: a.accounts, Rooms: a.rooms, Outbox: a.outbox, Limiter: a.limits,
		Webhooks: sender, Send: sendMail(a.config), DownloadURL: downloadURL(a.config, a.bucket),
	}, notificationSettings(a.config))
	if err != nil {
		return err
	}
	a.recordings = recordings.New(recordings.Dependencies{
		DB: a.db.Client, Redis: a.redis, Accounts: a.accounts, Rooms: a.rooms, Live: a.live, LiveKit: a.livekit,
		Bucket: a.bucket, Outbox: a.outbox, Limiter: a.limits, OnEnd: a.notifications.RecordingEnded,
	}, recordingSettings(a.config))
	return nil
}

// openBucket opens the bucket, if there is one.
func (a *app) openBucket() (err error) {
	if settings, ok := bucketSettings(a.config); ok {
		a.bucket, err = bucket.Open(settings)
	}
	return err
}

// deliveries are the outbox's deliveries, by kind.
func (a *app) deliveries() map[string]outbox.Deliver {
	deliver := a.notifications.Deliveries()
	if a.bucket != nil {
		deliver[recordings.Kind] = a.recordings.Deliver
	}
	return a.observedDeliveries(deliver)
}

func (a *app) openStores(ctx context.Context) error {
	settings := databaseSettings(a.config)
	settings.Traces = a.traces.Provider()
	db, err := openDatabase(ctx, a.config, settings)
	if err != nil {
		return err
	}
	a.db = db
	a.closers = append(a.closers, func() { _ = db.Close() })
	if err := a.openRedis(); err != nil {
		return err
	}
	var batching redis.Hook
	if single, ok := a.redis.(*redis.Client); ok {
		batching = batch.Redis(single.WithTimeout(single.Options().ReadTimeout))
	}
	if a.metrics != nil || a.traces != nil {
		a.redis.AddHook(a.metrics.Redis())
	}
	if batching != nil { // the last hook, so that each command has its own metrics and spans
		a.redis.AddHook(batching)
	}
	return nil
}

// openDatabase opens the database, with its tables up to date.
func openDatabase(ctx context.Context, c *config.Config, settings database.Settings) (*database.DB, error) {
	if err := makeDataFolder(c.Database.URL); err != nil {
		return nil, err
	}
	db, err := database.OpenWith(c.Database.URL, settings)
	if err != nil {
		return nil, err
	}
	if err := bringUpToDate(ctx, db, c.Database.Migrate); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// bringUpToDate migrates the tables, or checks that they are up to date.
func bringUpToDate(ctx context.Context, db *database.DB, migrate bool) error {
	if !migrate {
		return db.Check(ctx)
	}
	applied, err := db.Migrate(ctx)
	if err != nil {
		return fmt.Errorf("bring the tables of the database up to date: %w", err)
	}
	if len(applied) > 0 {
		slog.InfoContext(ctx, "the tables of the database have changed", "versions", applied)
	}
	return nil
}

// makeDataFolder creates the folder of an SQLite database.
func makeDataFolder(url string) error {
	path, ok := strings.CutPrefix(url, database.SQLite(""))
	if !ok {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make a folder for the database: %w", err)
	}
	return nil
}

func (a *app) openRedis() error {
	if a.config.Redis.URL == "" {
		client, stop, err := devmode.Redis()
		if err != nil {
			return err
		}
		a.redis = client
		a.closers = append(a.closers, stop)
		return nil
	}
	client, err := newRedis(a.config)
	if err != nil {
		return err
	}
	a.redis = client
	a.closers = append(a.closers, func() { _ = client.Close() })
	return nil
}

// close frees what newApp opened, in reverse order.
func (a *app) close() {
	for i := len(a.closers) - 1; i >= 0; i-- {
		a.closers[i]()
	}
}
