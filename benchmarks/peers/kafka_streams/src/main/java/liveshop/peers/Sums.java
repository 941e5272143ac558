package liveshop.peers;

import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** The figures of one window of one room and product; money in minor units. */
record Sums(long gmvMinor, long orders, long units, long likes, long clicks) {

    static final Sums NONE = new Sums(0, 0, 0, 0, 0);

    static final Serde<Sums> SERDE =
            Serdes.serdeFrom((topic, sums) -> sums == null ? null : sums.bytes(), (topic, bytes) -> of(bytes));

    Sums plus(long gmvMinor, long orders, long units, long likes, long clicks) {
        return new Sums(
                this.gmvMinor + gmvMinor,
                this.orders + orders,
                this.units + units,
                this.likes + likes,
                this.clicks + clicks);
    }

    /** Every event adds to it, so it never falls. */
    long counted() {
        return orders + likes + clicks;
    }

    private byte[] bytes() {
        return ByteBuffer.allocate(5 * Long.BYTES)
                .putLong(gmvMinor)
                .putLong(orders)
                .putLong(units)
                .putLong(likes)
                .putLong(clicks)
                .array();
    }

    private static Sums of(byte[] bytes) {
        if (bytes == null) {
            return null;
        }
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        return new Sums(buffer.getLong(), buffer.getLong(), buffer.getLong(), buffer.getLong(), buffer.getLong());
    }
}
