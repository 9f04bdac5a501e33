package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

const (
	// placeInterval is how often the listener checks whether a cluster has moved its rooms.
	placeInterval = 10 * time.Second
	// silence is how long a subscription may be silent before it is sent a ping, and again until it must have
	// answered.
	silence = 5 * time.Second
	// retryPause is the pause before a broken subscription is made again.
	retryPause = 100 * time.Millisecond
)

// listener receives the bells of the rooms that this process watches, and of no others. It holds one subscription in
// all, on Redis Cluster one for each node that has such a room.
//
// It promises to ring the whole room after every bell that it may have missed: when its subscription becomes live, for
// the first time or again. It may ring more often than necessary.
type listener struct {
	rdb  redis.UniversalClient
	keys keys
	hub  *hub

	mu      sync.Mutex
	pending map[uuid.UUID]struct{} // rooms to subscribe to, or to unsubscribe from
	wake    chan struct{}
	broken  atomic.Bool
	bells   atomic.Uint64 // received

	// Only run uses what follows.
	placed map[uuid.UUID]*lane
	lanes  map[string]*lane // by the node's address
}

func newListener(rdb redis.UniversalClient, keys keys) *listener {
	return &listener{
		rdb: rdb, keys: keys, pending: map[uuid.UUID]struct{}{}, wake: make(chan struct{}, 1),
		placed: map[uuid.UUID]*lane{}, lanes: map[string]*lane{},
	}
}

// requeue has run check whether somebody watches a room, and subscribe or unsubscribe.
func (l *listener) requeue(roomID uuid.UUID) {
	l.mu.Lock()
	l.pending[roomID] = struct{}{}
	l.mu.Unlock()
	l.wakeUp()
}

func (l *listener) takePending() map[uuid.UUID]struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	pending := l.pending
	l.pending = map[uuid.UUID]struct{}{}
	return pending
}

// wakeUp wakes run.
func (l *listener) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// wakeLater wakes run after a pause.
func (l *listener) wakeLater(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(retryPause):
	}
	l.wakeUp()
}

// run keeps the subscriptions as they should be until ctx ends.
func (l *listener) run(ctx context.Context) error {
	var readers sync.WaitGroup
	defer readers.Wait()
	defer l.closeLanes()
	check := time.NewTicker(placeInterval)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.wake:
		case <-check.C:
			l.findMoved(ctx)
		}
		l.dropBroken()
		if err := l.place(ctx, l.takePending(), &readers); err != nil {
			l.logBroken(ctx, err)
			l.wakeLater(ctx)
		}
	}
}

// place subscribes to the rooms that are watched, and unsubscribes from those that are not.
func (l *listener) place(
	ctx context.Context, rooms map[uuid.UUID]struct{}, readers *sync.WaitGroup,
) error {
	var failed []error
	wanted, unwanted := map[*lane][]string{}, map[*lane][]string{}
	for roomID := range rooms {
		was := l.placed[roomID]
		switch {
		case !l.hub.watched(roomID):
			delete(l.placed, roomID)
			if was != nil {
				unwanted[was] = append(unwanted[was], l.keys.bell(roomID))
			}
		case was == nil:
			to, err := l.laneFor(ctx, roomID, readers)
			if err != nil {
				failed = append(failed, err)
				l.requeue(roomID)
				continue
			}
			l.placed[roomID] = to
			wanted[to] = append(wanted[to], l.keys.bell(roomID))
		}
	}
	for to, bells := range wanted {
		failed = append(failed, to.subscribe(ctx, bells))
	}
	for from, bells := range unwanted {
		failed = append(failed, from.unsubscribe(ctx, bells))
	}
	return errors.Join(failed...)
}

// laneFor returns the subscription at the node that has a room.
func (l *listener) laneFor(
	ctx context.Context, roomID uuid.UUID, readers *sync.WaitGroup,
) (*lane, error) {
	address, node, err := l.node(ctx, roomID)
	if err != nil {
		return nil, err
	}
	if known := l.lanes[address]; known != nil {
		return known, nil
	}
	made := newLane(ctx, l.rdb, node)
	l.lanes[address] = made
	readers.Go(func() {
		l.read(ctx, made)
		close(made.broken)
		l.wakeLater(ctx)
	})
	return made, nil
}

// node returns the cluster node that has a room; no node when there is no cluster.
func (l *listener) node(ctx context.Context, roomID uuid.UUID) (string, *redis.Client, error) {
	cluster, ok := l.rdb.(*redis.ClusterClient)
	if !ok {
		return "", nil, nil
	}
	node, err := cluster.MasterForKey(ctx, l.keys.bell(roomID))
	if err != nil {
		return "", nil, fmt.Errorf("find the node of room %s: %w", roomID, err)
	}
	return node.Options().Addr, node, nil
}

// byNode groups beats by the node that has their room. It leaves out rooms whose node is unknown at the moment.
func (l *listener) byNode(ctx context.Context, all []beat) map[string][]beat {
	nodes := map[string][]beat{}
	for _, b := range all {
		if address, _, err := l.node(ctx, b.roomID); err == nil {
			nodes[address] = append(nodes[address], b)
		}
	}
	return nodes
}

// read passes on the messages of a subscription until it breaks or ctx ends. go-redis would mend a broken subscription
// by itself, but not one whose rooms are in several slots; so the listener makes a new one.
func (l *listener) read(ctx context.Context, from *lane) {
	stop := context.AfterFunc(ctx, func() { _ = from.sub.Close() })
	defer stop()
	defer func() { _ = from.sub.Close() }()
	pinged := false
	for ctx.Err() == nil {
		message, err := from.sub.ReceiveTimeout(ctx, silence)
		if isTimeout(err) && !pinged {
			pinged = true
			err = from.sub.Ping(ctx)
		} else if err == nil {
			pinged = false
			err = l.dispatch(from, message)
		}
		if err != nil {
			l.logBroken(ctx, err)
			return
		}
	}
}

// logBroken logs that the subscription is broken, once until it works again.
func (l *listener) logBroken(ctx context.Context, err error) {
	if ctx.Err() == nil && !l.broken.Swap(true) {
		slog.WarnContext(ctx, "the subscription at Redis broke; trying again until it is back", "err", err)
	}
}

func isTimeout(err error) bool {
	netErr, ok := errors.AsType[net.Error](err)
	return ok && netErr.Timeout()
}

// dispatch passes one message of Redis on to the hub. An error breaks the subscription.
func (l *listener) dispatch(from *lane, message any) error {
	switch m := message.(type) {
	case *redis.Message:
		roomID, errRoom := l.keys.roomOf(m.Channel)
		id, trace, _ := strings.Cut(m.Payload, " ")
		entryID, errEntry := uuid.Parse(id)
		if errRoom == nil && errEntry == nil { // else it is not ours
			l.bells.Add(1)
			l.hub.ring(roomID, entryID, trace)
		}
	case *redis.Subscription:
		roomID, err := l.keys.roomOf(m.Channel)
		if err != nil {
			return nil
		}
		switch m.Kind {
		case "subscribe", "ssubscribe":
			l.broken.Store(false)
			l.hub.ringRoom(roomID)
		case "sunsubscribe":
			// Somebody may watch the room again when Redis confirms the end of the subscription. The listener
			// subscribes again afterwards, so nothing else is necessary.
			if !from.expectedEnd(m.Channel) && l.hub.watched(roomID) {
				return fmt.Errorf("room %s has moved to another node", roomID)
			}
		}
	}
	return nil
}

// dropBroken forgets broken subscriptions, and queues their rooms again.
func (l *listener) dropBroken() {
	for address, old := range l.lanes {
		select {
		case <-old.broken:
			delete(l.lanes, address)
			l.requeueIf(func(_ uuid.UUID, at *lane) bool { return at == old })
		default:
		}
	}
}

// findMoved queues the rooms again that a cluster has moved to another node.
func (l *listener) findMoved(ctx context.Context) {
	l.requeueIf(func(roomID uuid.UUID, at *lane) bool {
		address, _, err := l.node(ctx, roomID)
		return err == nil && l.lanes[address] != at
	})
}

func (l *listener) requeueIf(which func(uuid.UUID, *lane) bool) {
	for roomID, at := range l.placed {
		if which(roomID, at) {
			delete(l.placed, roomID)
			l.requeue(roomID)
		}
	}
}

func (l *listener) closeLanes() {
	for _, open := range l.lanes {
		_ = open.sub.Close()
	}
}
