# A configuration written in place, and used where the sensor is: the readings are judged on pi2, one line comes back.
cat > limits.conf <<EOF
low=10
high=30
EOF
. ./limits.conf
head -n 20 /dev/sensor2 | on pi2 awk -v low="$low" -v high="$high" '
  $1 >= low && $1 <= high { within += 1 }
  END { print within " of " NR " readings are within " low " and " high }
'
