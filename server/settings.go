package main

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"foyer/accounts"
	"foyer/accounts/apps"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/database"
	"foyer/ent/room"
	"foyer/graph"
	"foyer/graph/query"
	"foyer/internal/bucket"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/internal/outbox"
	"foyer/internal/webhook"
	"foyer/lobby"
	"foyer/meetings"
	"foyer/notifications"
	"foyer/recordings"
	"foyer/rooms"
	"foyer/server/config"
	"foyer/web"
)

// The functions of this file hand each part its own settings. Values that nobody can set are constants here.
const (
	// reviewInterval is how often Foyer compares every meeting with LiveKit.
	reviewInterval = time.Minute

	outboxBackoff    = 5 * time.Second
	outboxMaxBackoff = 30 * time.Minute
	// outboxPoll is how often an idle server looks for deliveries that other servers left.
	outboxPoll = 10 * time.Second

	// schemaDepth is how deep a query for the schema may be nested. Common tools nest 15 levels.
	schemaDepth = 20
	// longestList is how many values a page of a list may have.
	longestList = 100
)

func databaseSettings(c *config.Config) database.Settings {
	return database.Settings{
		Connections: c.Database.Connections, Lifetime: c.Database.Lifetime, Patience: c.Database.Patience,
	}
}

// bucketSettings is false when there is no storage for recordings.
func bucketSettings(c *config.Config) (s bucket.Settings, ok bool) {
	return bucket.Settings{
		Endpoint: c.Storage.Endpoint, PublicEndpoint: c.Storage.PublicEndpoint, Name: c.Storage.Bucket,
		Region: c.Storage.Region, AccessKey: c.Storage.AccessKey, SecretKey: c.Storage.SecretKey,
		SessionToken: c.Storage.SessionToken,
	}, c.Storage.Endpoint != ""
}

func livekitSettings(c *config.Config) livekit.Settings {
	return livekit.Settings{
		URL: c.LiveKit.URL, PublicURL: c.LiveKit.PublicURL,
		APIKey: c.LiveKit.Keys[0], APISecret: c.LiveKit.Secrets[0], OlderKeys: olderLiveKitKeys(c),
		InsecureSkipVerify: c.LiveKit.Insecure, Deployment: c.LiveKit.Deployment,
		TokenTTL: c.LiveKit.TokenTTL, DefaultSources: c.LiveKit.Sources, HostsAreRoomAdmins: c.LiveKit.HostAdmins,
		Secrets: append([]string{c.Storage.SecretKey, c.Storage.SessionToken, c.Storage.AccessKey},
			c.LiveKit.Secrets...),
	}
}

// olderLiveKitKeys are all key pairs but the first. LiveKit may still sign with them.
func olderLiveKitKeys(c *config.Config) map[string]string {
	older := map[string]string{}
	for i, key := range c.LiveKit.Keys[1:] {
		older[key] = c.LiveKit.Secrets[i+1]
	}
	return older
}

func accountSettings(c *config.Config) accounts.Settings {
	return accounts.Settings{
		UsersChooseNames: c.Rooms.ChooseNames, EmailFallback: c.SignIn.EmailFallback,
		MutationsPerUser: c.Rates.MutationsPerUser,
	}
}

func roomSettings(c *config.Config) rooms.Settings {
	return rooms.Settings{
		DefaultAccessLevel: room.AccessLevel(c.Rooms.DefaultAccess), TemporaryRooms: c.Rooms.TemporaryRooms,
		GrantsPerUser: c.Rates.GrantsPerUser, GrantsPerRoom: c.Rates.GrantsPerRoom,
		RoomsPerUser: c.Rates.RoomsPerUser, UnknownSlugs: c.Rates.UnknownSlugs,
	}
}

func liveSettings(c *config.Config) live.Settings {
	return live.Settings{
		KeyPrefix: c.Redis.Prefix, Grace: c.Lobby.Grace, Heartbeat: c.Lobby.Heartbeat,
		DeniedFor: c.Lobby.DeniedFor, AdmittedFor: c.Lobby.AdmittedFor, MeetingGrace: c.Rooms.MeetingGrace,
		ShowPosition: c.Lobby.ShowPosition,
	}
}

func lobbySettings(c *config.Config) lobby.Settings {
	return lobby.Settings{
		Secret: c.SigningSecret(), TicketTTL: c.Lobby.TicketTTL,
		Capacity: c.Lobby.Capacity, AddressShare: c.Lobby.AddressShare,
		KnocksPerAddress: c.Rates.KnocksPerAddress, TokensPerAddress: c.Rates.TokensPerAddress,
		KnocksPerUser: c.Rates.KnocksPerUser, TokensPerUser: c.Rates.TokensPerUser,
		KnocksPerRoom: c.Rates.KnocksPerRoom, TokensPerRoom: c.Rates.TokensPerRoom,
		RequestsPerTicket: c.Rates.RequestsPerTicket, ListsPerUser: c.Rates.ListsPerUser,
		NotifyHosts: c.Lobby.NotifyHosts,
	}
}

func meetingSettings(c *config.Config) meetings.Settings {
	return meetings.Settings{
		UsersChooseNames: c.Rooms.ChooseNames, HostsAreRoomAdmins: c.LiveKit.HostAdmins, ReviewInterval: reviewInterval,
	}
}

func sessionSettings(c *config.Config) auth.SessionSettings {
	return auth.SessionSettings{
		KeyPrefix: c.Redis.Prefix, Lifetime: c.SignIn.SessionLifetime, Idle: c.SignIn.SessionIdle,
		Secure: c.SecureCookies(),
	}
}

func nameClaims(c *config.Config) auth.NameClaims {
	return auth.NameClaims{Full: c.SignIn.FullNameClaims, Short: c.SignIn.ShortNameClaim}
}

func providerSettings(c *config.Config) auth.ProviderSettings {
	return auth.ProviderSettings{
		Issuer: c.SignIn.Issuer, ClientID: c.SignIn.ClientID, ClientSecret: c.SignIn.ClientSecret,
		Scopes: c.SignIn.Scopes, Names: nameClaims(c), Leeway: c.SignIn.Leeway, EmailsVerified: c.SignIn.EmailsVerified,
	}
}

func bearerSettings(c *config.Config) auth.BearerSettings {
	s := auth.BearerSettings{
		Audience: c.SignIn.BearerAudience, HomeIssuer: c.SignIn.Issuer,
		HomeEmailsVerified: c.SignIn.EmailsVerified, Names: nameClaims(c), Leeway: c.SignIn.Leeway,
	}
	for _, text := range c.SignIn.BearerIssuers {
		words := append(strings.Fields(text), "")
		s.Issuers = append(s.Issuers, auth.BearerIssuer{Issuer: words[0], KeysURL: words[1]})
	}
	return s
}

func appSettings(c *config.Config) apps.Settings {
	return apps.Settings{
		Secret: c.SigningSecret(), TTL: c.Applications.TokenTTL, KeyPrefix: c.Redis.Prefix,
		PerAddress: c.Rates.AppTokensPerAddress, PerClient: c.Rates.AppTokensPerClient,
	}
}

func outboxSettings(c *config.Config) outbox.Settings {
	return outbox.Settings{
		Timeout: c.Outbox.Timeout, Backoff: outboxBackoff, MaxBackoff: outboxMaxBackoff,
		GiveUp: c.Outbox.GiveUp, Keep: c.Outbox.Keep, Poll: outboxPoll, Drain: c.Server.DrainTimeout,
		Concurrency: c.Outbox.Concurrency,
		Kept:        []string{recordings.Kind}, // only this row still names the file
	}
}

func recordingSettings(c *config.Config) recordings.Settings {
	s := recordings.Settings{
		PublicURL: c.LinkBase(), Notice: c.Recordings.Notice, Layout: c.Recordings.Layout,
		StartsPerUser: c.Rates.RecordingsPerUser,
		KeptFor:       time.Duration(c.Recordings.ExpiryDays) * 24 * time.Hour,
		StartTimeout:  c.Recordings.StartTimeout, StopTimeout: c.Recordings.StopTimeout,
		Interval: c.Recordings.Interval, KeyPrefix: c.Redis.Prefix, Served: c.Storage.MediaSecret != "",
	}
	if c.Recordings.DownloadURLs {
		s.DownloadFor = c.Recordings.DownloadTTL
	}
	if c.Recordings.S3InRequest {
		s.RequestS3 = &livekit.S3{
			Endpoint: c.Storage.Endpoint, Region: c.Storage.Region, Bucket: c.Storage.Bucket,
			AccessKey: c.Storage.AccessKey, SecretKey: c.Storage.SecretKey, SessionToken: c.Storage.SessionToken,
		}
	}
	return s
}

func notificationSettings(c *config.Config) notifications.Settings {
	return notifications.Settings{
		PublicURL: c.LinkBase(), MaxInvited: c.Mail.MaxEmails,
		InvitationsPerUser: c.Rates.InvitationsPerUser, InvitationsPerRoom: c.Rates.InvitationsPerRoom,
	}
}

// downloadURL returns what makes the download URLs of webhooks; nil if webhooks carry none.
func downloadURL(c *config.Config, b *bucket.Bucket) func(context.Context, *ent.Recording) (string, error) {
	if !c.Webhooks.DownloadURLs || b == nil {
		return nil
	}
	return func(ctx context.Context, r *ent.Recording) (string, error) {
		return b.Presign(ctx, recordings.Key(r), recordings.Name(r), recordings.Lifetime(r, c.Webhooks.DownloadTTL))
	}
}

func webhookSettings(c *config.Config) webhook.Settings {
	return webhook.Settings{URLs: c.Webhooks.URLs, Secrets: c.Webhooks.Secrets}
}

// graphSettings reads the trusted documents too.
func graphSettings(c *config.Config) (graph.Settings, error) {
	s := graph.Settings{
		Origins: c.Server.AllowedOrigins, Introspection: *c.Server.Introspection,
		Limits: query.Limits{
			Tokens: c.Operation.Tokens, Fields: c.Operation.Fields, Depth: c.Operation.Depth,
			Aliases: c.Operation.Aliases, RootFields: c.Operation.RootFields, Directives: c.Operation.Directives,
			Complexity: c.Operation.Complexity, Errors: c.Operation.Errors,
			SchemaDepth: schemaDepth, LongestList: longestList,
		},
		MaxBody: c.Operation.Body, MaxSockets: c.Server.MaxSockets, SocketsPerAddress: c.Server.SocketsPerAddress,
		OperationsPerSocket: c.Server.OperationsPerSocket, OperationTimeout: c.Server.OperationTimeout,
		OperationNames: c.Telemetry.OperationNames,
	}
	if c.Operation.Documents == "" || c.Operation.DocumentsMode == config.DocumentsOff {
		return s, nil
	}
	var err error
	s.Documents, err = query.ReadDocuments(c.Operation.Documents,
		c.Operation.DocumentsMode == config.DocumentsEnforce)
	if page := web.Page(); err == nil && page != nil {
		err = trustPage(s.Documents, page)
	}
	return s, err
}

// trustPage adds the page's own documents, whatever other clients an installation has.
func trustPage(documents *query.Documents, page fs.FS) error {
	manifest, err := fs.ReadFile(page, "documents.json")
	if err != nil {
		return fmt.Errorf("trusted documents of the page: %w", err)
	}
	return documents.Trust(manifest)
}
