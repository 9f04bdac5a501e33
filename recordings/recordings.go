// Package recordings records the meetings of rooms and serves the recordings to people who may see them.
//
// A recording is a row. Foyer makes the row before it asks LiveKit to record. From then on the row reflects the
// state of LiveKit's egress, which Foyer reads from answers, events and lists. A report may arrive twice, in any
// order, late or never. Each one is therefore applied by one conditional update, which changes nothing if the row
// is ahead of the report. The reconciler compares every unfinished row with LiveKit and so finds lost reports.
package recordings

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"entgo.io/contrib/entgql"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"foyer/accounts"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/predicate"
	"foyer/ent/recording"
	"foyer/ent/recordingaccess"
	"foyer/ent/roomaccess"
	"foyer/internal/bucket"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/internal/outbox"
	"foyer/internal/ratelimit"
	"foyer/rooms"
)

// Service records rooms.
type Service struct {
	db       *ent.Client
	redis    redis.UniversalClient
	accounts *accounts.Service
	rooms    *rooms.Service
	live     *live.Service
	livekit  *livekit.Client
	bucket   *bucket.Bucket
	outbox   *outbox.Outbox
	limiter  *ratelimit.Limiter
	onEnd    func(context.Context, *ent.Tx, *ent.Recording) error
	settings Settings

	wake chan struct{}
	// stops counts how often this server asked an unwanted egress to stop. Only the reconciler uses it.
	stops map[string]int
}

// Dependencies of a Service.
type Dependencies struct {
	DB       *ent.Client
	Redis    redis.UniversalClient
	Accounts *accounts.Service
	Rooms    *rooms.Service
	Live     *live.Service
	LiveKit  *livekit.Client
	// Bucket stores the files; nil if nothing is recorded.
	Bucket  *bucket.Bucket
	Outbox  *outbox.Outbox
	Limiter *ratelimit.Limiter
	// OnEnd runs in the transaction that moves a recording to a final status, and adds what follows from it;
	// nil for nothing. A recording that was given up may reach SAVED later: OnEnd runs again then. An error
	// rolls the transaction back, and the Service retries.
	OnEnd func(context.Context, *ent.Tx, *ent.Recording) error
}

// Settings of a Service.
type Settings struct {
	// PublicURL is the address of the product. Files are below it.
	PublicURL string
	// Notice is shown to everybody in a room while it is recorded; empty for none.
	Notice string
	// Served says that nginx serves files to people who may see them.
	Served bool
	// DownloadFor is how long a URL of the bucket itself is valid, in whole seconds; 0 if there are no such URLs.
	DownloadFor time.Duration
	// Layout is the layout of the picture, one of LiveKit's names.
	Layout string
	// RequestS3 has the bucket's credentials for the egress service; nil if that service has its own, which is
	// safer: LiveKit stores each request.
	RequestS3 *livekit.S3
	// KeptFor is how long a file is kept and served; 0 is for ever.
	KeptFor time.Duration
	// StartTimeout is how long a recording may take to begin before it is given up.
	StartTimeout time.Duration
	// StopTimeout is how long a stopped recording may take to report its file before it is given up. If the file
	// is stored later, the recording becomes SAVED.
	StopTimeout time.Duration
	// Interval is the time between two comparisons with LiveKit.
	Interval time.Duration
	// StartsPerUser is how many recordings one user may start within an hour; 0 is no limit.
	StartsPerUser int
	// KeyPrefix is the prefix of every Redis key.
	KeyPrefix string
}

// New returns a Service. Its Run retries what failed.
func New(d Dependencies, settings Settings) *Service {
	return &Service{
		db: d.DB, redis: d.Redis, accounts: d.Accounts, rooms: d.Rooms, live: d.Live, livekit: d.LiveKit, bucket: d.Bucket,
		outbox: d.Outbox, limiter: d.Limiter, onEnd: d.OnEnd, settings: settings,
		wake: make(chan struct{}, 1), stops: map[string]int{},
	}
}

var newestFirst = &ent.RecordingOrder{
	Direction: entgql.OrderDirectionDesc, Field: ent.RecordingOrderFieldCreatedAt,
}

// visibleTo is the one rule of who may see a recording: the hosts of its room, and the people with whom it is
// shared.
func visibleTo(userID uuid.UUID) predicate.Recording {
	return recording.Or(
		recording.HasRoomWith(rooms.HostedBy(userID)),
		recording.HasAccessesWith(recordingaccess.UserID(userID)),
	)
}

// visible selects the recordings that a signed-in viewer may see. It loads the viewer's role in the room and
// the people with whom each recording is shared.
func (s *Service) visible(viewer auth.Viewer) *ent.RecordingQuery {
	return s.db.Recording.Query().Where(visibleTo(viewer.UserID)).
		WithRoom(func(q *ent.RoomQuery) {
			q.WithAccesses(func(q *ent.RoomAccessQuery) { q.Where(roomaccess.UserID(viewer.UserID)) })
		}).
		WithAccesses(func(q *ent.RecordingAccessQuery) {
			q.WithUser().Order(recordingaccess.ByCreatedAt(), recordingaccess.ByID())
		})
}

// Get finds a recording that the viewer may see. Errors: Unauthenticated; NotFound also if the viewer may not see it.
func (s *Service) Get(ctx context.Context, id uuid.UUID) (*ent.Recording, error) {
	viewer := auth.FromContext(ctx)
	if !viewer.SignedIn() {
		return nil, auth.ErrNobody()
	}
	rec, err := s.visible(viewer).Where(recording.ID(id)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, errNoRecording()
	}
	if err != nil {
		return nil, fmt.Errorf("find recording: %w", err)
	}
	return rec, nil
}

func errNoRecording() error {
	return fault.New(fault.NotFound, "there is no such recording that you may see")
}

// List returns a page of the recordings that the viewer may see, of one room or (nil) of all rooms, newest first.
func (s *Service) List(
	ctx context.Context, roomID *uuid.UUID, first *int, after *ent.Cursor,
) (*ent.RecordingConnection, error) {
	viewer := auth.FromContext(ctx)
	if !viewer.SignedIn() {
		return nil, auth.ErrNobody()
	}
	size, err := rooms.PageSize(first)
	if err != nil {
		return nil, err
	}
	query := s.visible(viewer)
	if roomID != nil {
		query.Where(recording.RoomID(*roomID))
	}
	page, err := query.Paginate(ctx, after, &size, nil, nil, ent.WithRecordingOrder(newestFirst))
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	return page, nil
}

// OfRoom is List for hosts of a room. For others it returns an error.
func (s *Service) OfRoom(
	ctx context.Context, roomID uuid.UUID, first *int, after *ent.Cursor,
) (*ent.RecordingConnection, error) {
	if err := s.rooms.Require(ctx, roomID, rooms.ReadRecordings); err != nil {
		return nil, err
	}
	return s.List(ctx, &roomID, first, after)
}

// Active returns the unfinished recording of a room, for its hosts; nil if there is none.
func (s *Service) Active(ctx context.Context, roomID uuid.UUID) (*ent.Recording, error) {
	if err := s.rooms.Require(ctx, roomID, rooms.ReadRecordings); err != nil {
		return nil, err
	}
	list, err := s.visible(auth.FromContext(ctx)).
		Where(recording.RoomID(roomID), isUnfinished()).Limit(1).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the active recording: %w", err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return list[0], nil
}

// A room has at most one recording with a status that is unfinished. All other statuses are final.
var (
	unfinished = []recording.Status{
		recording.StatusINITIATED, recording.StatusACTIVE, recording.StatusSTOPPING,
	}
	final = []recording.Status{
		recording.StatusSAVED, recording.StatusFAILED, recording.StatusABORTED,
	}
)

// isUnfinished selects recordings without a final status. The index covers rows without an end only.
func isUnfinished() predicate.Recording {
	return recording.And(recording.EndedAtIsNil(), recording.StatusIn(unfinished...))
}

// Key is the key of a recording's file in the bucket.
func Key(rec *ent.Recording) string { return folder + Name(rec) }

// folder is the prefix of all keys.
const folder = "recordings/"

// Name is the name of a recording's file: its id, and an extension for its mode.
func Name(rec *ent.Recording) string {
	if rec.Mode == recording.ModeAUDIO {
		return rec.ID.String() + ".ogg"
	}
	return rec.ID.String() + ".mp4"
}

// Available reports whether Foyer serves a recording's file now.
func Available(rec *ent.Recording) bool {
	return rec.Status == recording.StatusSAVED && !Expired(rec)
}

// Expired reports whether the time to keep a recording has passed.
func Expired(rec *ent.Recording) bool {
	return rec.ExpiresAt != nil && !rec.ExpiresAt.After(time.Now())
}

// writeAudit adds an act of the viewer on a recording to the audit.
func (s *Service) writeAudit(ctx context.Context, rec *ent.Recording, act rooms.Act) {
	act.Detail = fmt.Sprintf("%s %s", rec.ID, rec.Mode)
	s.rooms.WriteAudit(ctx, rec.RoomID, act)
}

// warn logs a failure that Foyer retries.
func warn(ctx context.Context, what string, err error, args ...any) {
	if ctx.Err() == nil {
		slog.WarnContext(ctx, what, append(args, "err", err)...)
	}
}
