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
	// placeInterval is how often a cluster's rooms are checked for having moved.
	placeInterval = 10 * time.Second
	// silence is how long a subscription may say nothing before it has to answer a ping within as
	// long again.
	silence = 5 * time.Second
	// relisten is the pause before a broken subscription is made again.
	relisten = 100 * time.Millisecond
)

// listener hears the bells of the rooms that this process watches, and of no others. It holds one
// subscription in all, on Redis Cluster one for each node that has such a room.
//
// It promises that ready is called for a room after every bell that may have been missed: when its
// subscription becomes live, for the first time or again. It may call heard and ready more often
// than there is reason to.
type listener struct {
	rdb  redis.UniversalClient
	keys keys
	hub  *hub

	mu      sync.Mutex
	pending map[uuid.UUID]struct{} // rooms to look at
	wake    chan struct{}
	broken  atomic.Bool
	bells   atomic.Uint64 // received

	// What follows belongs to run.
	placed map[uuid.UUID]*lane
	lanes  map[string]*lane // by the node's address
}

func newListener(rdb redis.UniversalClient, keys keys) *listener {
	return &listener{
		rdb: rdb, keys: keys, pending: map[uuid.UUID]struct{}{}, wake: make(chan struct{}, 1),
		placed: map[uuid.UUID]*lane{}, lanes: map[string]*lane{},
	}
}

// lane is one subscription at one node.
type lane struct {
	sub     *redis.PubSub
	sharded bool
	// over is closed when the subscription has broken.
	over chan struct{}

	mu sync.Mutex
	// leaving counts, of the bells that are to be heard no more, the confirmations that are still to come.
	leaving map[string]int
}

// requeue has a room looked at: whether its bell is to be heard from now on, or no longer.
func (l *listener) requeue(roomID uuid.UUID) {
	l.mu.Lock()
	l.pending[roomID] = struct{}{}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *listener) takePending() map[uuid.UUID]struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	pending := l.pending
	l.pending = map[uuid.UUID]struct{}{}
	return pending
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
			l.complain(ctx, err)
			l.again(ctx)
		}
	}
}

// place subscribes the rooms that are watched and lets go of those that are not.
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

// laneFor returns the subscription at the node where a room lives.
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
	made := &lane{over: make(chan struct{}), leaving: map[string]int{}}
	if node != nil {
		made.sub, made.sharded = node.SSubscribe(ctx), true
	} else {
		made.sub = l.rdb.Subscribe(ctx)
	}
	l.lanes[address] = made
	readers.Go(func() {
		l.read(ctx, made)
		close(made.over)
		l.again(ctx)
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

// subscribe asks for bells; Redis confirms each, which read hears.
func (l *lane) subscribe(ctx context.Context, bells []string) error {
	if !l.sharded {
		return l.sub.Subscribe(ctx, bells...)
	}
	var failed []error
	for _, bell := range bells { // together they would have to be of one slot
		failed = append(failed, l.sub.SSubscribe(ctx, bell))
	}
	return errors.Join(failed...)
}

func (l *lane) unsubscribe(ctx context.Context, bells []string) error {
	if !l.sharded {
		return l.sub.Unsubscribe(ctx, bells...)
	}
	var failed []error
	for _, bell := range bells {
		l.leaves(bell)
		failed = append(failed, l.sub.SUnsubscribe(ctx, bell))
	}
	return errors.Join(failed...)
}

func (l *lane) leaves(bell string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaving[bell]++
}

// left reports whether we have asked for the end of a bell that Redis tells of.
func (l *lane) left(bell string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	asked := l.leaving[bell]
	if asked > 1 {
		l.leaving[bell]--
	} else {
		delete(l.leaving, bell)
	}
	return asked > 0
}

// read passes on what a subscription says until it breaks or ctx ends. go-redis would mend a broken
// one by itself, but not one whose rooms live in several slots; so a new one is made instead.
func (l *listener) read(ctx context.Context, from *lane) {
	stop := context.AfterFunc(ctx, func() { _ = from.sub.Close() })
	defer stop()
	defer func() { _ = from.sub.Close() }()
	asked := false
	for ctx.Err() == nil {
		message, err := from.sub.ReceiveTimeout(ctx, silence)
		if isTimeout(err) && !asked {
			asked = true
			err = from.sub.Ping(ctx)
		} else if err == nil {
			asked = false
			err = l.dispatch(from, message)
		}
		if err != nil {
			l.complain(ctx, err)
			return
		}
	}
}

// complain logs that Redis cannot be heard, once until it can.
func (l *listener) complain(ctx context.Context, err error) {
	if ctx.Err() == nil && !l.broken.Swap(true) {
		slog.WarnContext(ctx, "the subscription at Redis broke; trying again until it is back", "err", err)
	}
}

func isTimeout(err error) bool {
	netErr, ok := errors.AsType[net.Error](err)
	return ok && netErr.Timeout()
}

func (l *listener) dispatch(from *lane, message any) error {
	switch m := message.(type) {
	case *redis.Message:
		roomID, errRoom := l.keys.roomOf(m.Channel)
		id, trace, _ := strings.Cut(m.Payload, " ")
		entryID, errEntry := uuid.Parse(id)
		if errRoom == nil && errEntry == nil { // else it is none of ours
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
			// A room may be watched again by the time that Redis confirms the end of its bell. It is asked for
			// again then, after that, and needs nothing more.
			if !from.left(m.Channel) && l.hub.watched(roomID) {
				return fmt.Errorf("room %s has moved to another node", roomID)
			}
		}
	}
	return nil
}

// dropBroken forgets broken subscriptions and has their rooms looked at.
func (l *listener) dropBroken() {
	for address, broken := range l.lanes {
		select {
		case <-broken.over:
			delete(l.lanes, address)
			l.release(func(_ uuid.UUID, at *lane) bool { return at == broken })
		default:
		}
	}
}

// findMoved has the rooms looked at that a cluster has moved to another node.
func (l *listener) findMoved(ctx context.Context) {
	l.release(func(roomID uuid.UUID, at *lane) bool {
		address, _, err := l.node(ctx, roomID)
		return err == nil && l.lanes[address] != at
	})
}

func (l *listener) release(which func(uuid.UUID, *lane) bool) {
	for roomID, at := range l.placed {
		if which(roomID, at) {
			delete(l.placed, roomID)
			l.requeue(roomID)
		}
	}
}

// again wakes run after a pause.
func (l *listener) again(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(relisten):
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *listener) closeLanes() {
	for _, open := range l.lanes {
		_ = open.sub.Close()
	}
}

// byNode sorts rooms by the node that has them. One whose node is unknown at the moment is left out.
func (l *listener) byNode(ctx context.Context, rooms []beats) map[string][]beats {
	nodes := map[string][]beats{}
	for _, room := range rooms {
		if address, _, err := l.node(ctx, room.roomID); err == nil {
			nodes[address] = append(nodes[address], room)
		}
	}
	return nodes
}
